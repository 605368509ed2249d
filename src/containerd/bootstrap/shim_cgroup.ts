// SPDX-License-Identifier: MIT
// Moves a shim into the cgroup that its options name.
import { cgroupHierarchies } from "../../linux/cgroup/find.ts";
import { exists } from "../../linux/fs/exists.ts";
import { joinCgroup } from "../../linux/cgroup/join.ts";

/**
 * Moves this process into the cgroup `path` of each hierarchy that has it. None is made: nobody would
 * remove it.
 *
 * @throws {Error} if no hierarchy has it.
 */
export function joinShimCgroup(path: string): void {
  const cgroup = `/${path.replace(/^\/+/, "")}`;
  const hierarchies = cgroupHierarchies();
  const v1 = hierarchies.filter(({ names }) => !names.includes("unified"));
  const having = (v1.length > 0 ? v1 : hierarchies)
    .filter(({ mountPoint }) => exists(`${mountPoint}${cgroup}`));
  if (having.length === 0) throw new Error(`there is no cgroup ${cgroup} for the shim`);
  joinCgroup(Deno.pid, cgroup, having);
}
