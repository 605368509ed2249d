// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { DaemonConnection } from "./daemon.ts";

/** Returns every container. `how` is the method of the connection that calls for each page. */
export async function listAllContainers(
  daemon: DaemonConnection,
  how: "call" | "callAcrossRestarts" = "call",
): Promise<ContainerState[]> {
  const all: ContainerState[] = [];
  let after: string | undefined;
  do {
    const { containers, next } = await daemon[how]("container.list", { after });
    all.push(...containers);
    after = next;
  } while (after !== undefined);
  return all;
}
