// SPDX-License-Identifier: MIT
// Asks the daemon for containers: all of them, or one by its id.
import { readPages } from "../../client/read_pages.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { DaemonConnection } from "./daemon.ts";

/** Returns every container. `how` is the method of the connection that calls for each page. */
export async function listAllContainers(
  daemon: DaemonConnection,
  how: "call" | "callAcrossRestarts" = "call",
): Promise<ContainerState[]> {
  return await readPages((after) => daemon[how]("container.list", { after }));
}

/** Returns the state of the container that has the id; undefined when none has. */
export async function findState(
  daemon: DaemonConnection,
  id: string,
): Promise<ContainerState | undefined> {
  try {
    return await daemon.callAcrossRestarts("container.state", { id });
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
