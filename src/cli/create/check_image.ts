// SPDX-License-Identifier: MIT
import { resolveUser } from "../../oci/spec/passwd.ts";
import { ImageError } from "../../images/errors.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { parseStopSignal } from "../options/stop_signal.ts";
import { messageOf } from "../../rpc/error_text.ts";
import type { CreateInput } from "./create_input.ts";
import { workingDirFault } from "./working_dir.ts";

/**
 * Checks what the image's config asks for and the options do not.
 *
 * @throws {ImageError} with what to do instead.
 */
export function checkImageConfig({ options, rootfs: { image, path } }: CreateInput): void {
  const { user = "", stopSignal, workingDir = "/", volumes = [] } = image?.config ?? {};
  try {
    if (user !== "" && !options.user) resolveUser(path, user);
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
  if (options.workdir) return;
  const mounts = [...options.mount ?? [], ...options.volume ?? [], ...options.tmpfs ?? []]
    .map(({ destination }) => destination);
  const fault = workingDirFault(path, workingDir, mounts, volumes);
  if (fault !== undefined) {
    throw new ImageError(
      `its working directory ${workingDir} ${fault}; say another with --workdir`,
    );
  }
}
