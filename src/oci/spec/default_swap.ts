// SPDX-License-Identifier: MIT
import { limitsSwap } from "../../linux/cgroup/swap.ts";
import { isRecord } from "../../rpc/is_record.ts";

/** OCI `linux.resources` (runtime-spec, config-linux.md, "Control groups"). */
export type OciResources = Readonly<Record<string, unknown>>;

/**
 * Returns `resources` with a limit of swap where there is one of memory alone: as much again, as docker
 * has it. Without one a container could use all of the machine's swap.
 */
export function withDefaultSwap(resources: OciResources, counted?: boolean): OciResources {
  const memory = isRecord(resources["memory"]) ? resources["memory"] : {};
  const { limit, swap } = memory;
  if (typeof limit !== "number" || limit <= 0 || swap !== undefined) return resources;
  if (!(counted ?? limitsSwap())) return resources;
  return { ...resources, memory: { ...memory, swap: 2 * limit } };
}
