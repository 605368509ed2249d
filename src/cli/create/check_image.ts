// SPDX-License-Identifier: MIT
import { fdPath } from "../../linux/fd/fd.ts";
import { ELOOP, ENOENT, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { resolveUser } from "../../oci/spec/passwd.ts";
import { ImageError } from "../../images/errors.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { parseStopSignal } from "../options/stop_signal.ts";
import { messageOf } from "../../rpc/error_text.ts";
import type { CreateInput } from "./create_input.ts";

/**
 * Checks what the image's config asks for and the options do not.
 *
 * @throws {ImageError} with what to do instead.
 */
export function checkImageConfig({ options, rootfs: { image, path } }: CreateInput): void {
  const { user = "", stopSignal, workingDir = "/" } = image?.config ?? {};
  try {
    if (user !== "" && options.user === undefined) resolveUser(path, user);
  } catch (error) {
    if (!(error instanceof InvalidParamsError)) throw error;
    throw new ImageError(`its ${error.message}; say another with --user`, { cause: error });
  }
  try {
    if (stopSignal !== undefined && options.stopSignal === undefined) parseStopSignal(stopSignal);
  } catch (error) {
    const why = `its stop signal: ${messageOf(error)}; say another with --stop-signal`;
    throw new ImageError(why, { cause: error });
  }
  if (options.workdir === undefined && isFile(path, workingDir)) {
    throw new ImageError(
      `its working directory ${workingDir} is a file in it; say another with --workdir`,
    );
  }
}

/** Returns whether a path in the root filesystem leads to a file; not where nothing is there. */
function isFile(rootfs: string, path: string): boolean {
  try {
    using found = openInRoot(rootfs, path);
    return Deno.statSync(fdPath(found.fd)).isFile;
  } catch (error) {
    if (isErrno(error, ENOENT, ENOTDIR, ELOOP)) return false;
    throw error;
  }
}
