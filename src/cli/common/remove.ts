// SPDX-License-Identifier: MIT
import { NotFoundError } from "../../rpc/errors.ts";
import type { Daemon } from "./daemon.ts";
import { removeLeftovers } from "./places.ts";

/** Deletes a container and what the command line has made beside it: log, FIFOs, overlay. */
export async function removeContainer(
  daemon: Daemon,
  root: string,
  id: string,
  force: boolean,
): Promise<void> {
  const state = await daemon.callAcrossRestarts("container.state", { id });
  try {
    await daemon.callAcrossRestarts("container.delete", { id, ...(force && { force }) });
  } catch (error) {
    // Somebody else was faster, or the daemon went away after it had done it.
    if (!(error instanceof NotFoundError)) throw error;
  }
  removeLeftovers(root, state);
}
