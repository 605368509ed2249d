// SPDX-License-Identifier: MIT
import type { Daemon } from "./daemon.ts";
import { removeLeftovers } from "./places.ts";

/** Deletes a container and what the command line has made beside it: log, FIFOs, overlay. */
export async function removeContainer(
  daemon: Daemon,
  root: string,
  id: string,
  force: boolean,
): Promise<void> {
  const state = await daemon.call("container.state", { id });
  await daemon.call("container.delete", { id, ...(force && { force }) });
  removeLeftovers(root, state);
}
