// SPDX-License-Identifier: MIT
import { isRefused } from "../../linux/libc/errno.ts";
import { resolveUser } from "../../oci/spec/passwd.ts";
import { ImageError } from "../../images/image_errors.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { parseStopSignal } from "../options/stop_and_restart.ts";
import { messageOf } from "../../error_text.ts";
import type { CreateInput } from "./create_input.ts";
import { workingDirFault } from "./working_dir.ts";

/**
 * Checks the settings of the image's config that no option replaces, and the working directory.
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
  checkWorkingDir(options, path, workingDir, volumes);
}

/** Checks the working directory of the options or else of the image, whose `volumes` are made. */
function checkWorkingDir(
  { workdir, mount = [], volume = [], tmpfs = [] }: CreateInput["options"],
  rootfs: string,
  imageDir: string,
  volumes: readonly string[],
): void {
  const mounts = [...mount, ...volume, ...tmpfs].map(({ destination }) => destination);
  let fault;
  try {
    fault = workingDirFault(rootfs, workdir || imageDir, mounts, volumes);
  } catch (error) {
    // The runtime may see more than this user.
    if (!isRefused(error)) throw error;
  }
  if (fault === undefined) return;
  throw new ImageError(
    workdir
      ? `the working directory ${workdir} ${fault}`
      : `its working directory ${imageDir} ${fault}; say another with --workdir`,
  );
}
