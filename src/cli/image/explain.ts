// SPDX-License-Identifier: MIT
// Adds to errors what they have to do with an image.
import { exists } from "../../linux/fs/exists.ts";
import { findImage } from "../../images/store/find.ts";
import { ImageStore } from "../../images/store/image_store.ts";
import { ID_PATTERN } from "../../rpc/contract/ids.ts";
import { messageOf } from "../../error_text.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import {
  CliError,
  EXIT_CANNOT_EXECUTE,
  EXIT_NOT_FOUND,
  exitCodeOf,
} from "../common/exit_status.ts";
import { formatCommand } from "../text/format.ts";
import type { Rootfs } from "./rootfs.ts";

/**
 * Returns the error of a container that could not be created, with what to do where its image's
 * command was not found or cannot be executed.
 */
export function explainFailure(error: unknown, { image, args }: Rootfs): unknown {
  const status = exitCodeOf(error);
  if (image === undefined) return error;
  if (status !== EXIT_NOT_FOUND && status !== EXIT_CANNOT_EXECUTE) return error;
  const why = status === EXIT_NOT_FOUND ? "has no such program" : "cannot execute it here";
  return new CliError(
    `${messageOf(error)}; image ${image.name} ${why}: it was to run ${formatCommand(args)}, ` +
      "give another command after the image, or --entrypoint",
    { cause: error, status },
  );
}

/**
 * Returns the error of a container that is not there, with the command that shows the image where an
 * image is called so. Every other error is returned as it is.
 */
export async function hintAtImage(
  daemon: DaemonConnection,
  name: string,
  error: unknown,
): Promise<unknown> {
  const missing = error instanceof NotFoundError || !ID_PATTERN.test(name);
  if (!missing || !await hasImage(daemon, name)) return error;
  return new CliError(
    `no container ${name}; the image of that name is shown by berth image inspect ${name}`,
    { cause: error },
  );
}

/** Returns whether there is such an image; false where that cannot be found out. */
async function hasImage(daemon: DaemonConnection, name: string): Promise<boolean> {
  try {
    const { root } = await daemon.call("daemon.info", {});
    // Opening a store makes it.
    if (!exists(`${root}/images`)) return false;
    findImage(await ImageStore.open(root), name);
    return true;
  } catch {
    // It is for a hint alone, which must not take the place of the error that it goes with.
    return false;
  }
}
