// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";

/** Returns every container. `call` calls `container.list` once for each page. */
export async function listAllContainers(
  call: (
    params: ParamsOf<DaemonContract, "container.list">,
  ) => Promise<ResultOf<DaemonContract, "container.list">>,
): Promise<ContainerState[]> {
  const all: ContainerState[] = [];
  let after: string | undefined;
  do {
    const { containers, next } = await call(after === undefined ? {} : { after });
    all.push(...containers);
    after = next;
  } while (after !== undefined);
  return all;
}
