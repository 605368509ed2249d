// SPDX-License-Identifier: MIT
import { unifiedHierarchy } from "../../linux/cgroup/driver.ts";
import { cgroupHierarchies } from "../../linux/cgroup/find.ts";
import { exists } from "../../linux/fs/exists.ts";
import { joinCgroup } from "../../linux/cgroup/join.ts";

/**
 * Moves this process into the cgroup `path` of each hierarchy of the host's version of cgroups that has
 * it. None is made: nobody would remove it.
 *
 * @throws {Error} if no hierarchy has it.
 */
export function joinShimCgroup(path: string, hierarchies = cgroupHierarchies()): void {
  const cgroup = `/${path.replace(/^\/+/, "")}`;
  const unified = unifiedHierarchy(hierarchies);
  const having = hierarchies.filter((one) =>
    (unified === undefined ? !one.names.includes("unified") : one === unified) &&
    exists(`${one.mountPoint}${cgroup}`)
  );
  if (having.length === 0) throw new Error(`there is no cgroup ${cgroup} for the shim`);
  joinCgroup(Deno.pid, cgroup, having);
}
