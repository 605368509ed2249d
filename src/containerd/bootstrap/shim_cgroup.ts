// SPDX-License-Identifier: MIT
import { cgroupHierarchies } from "../../linux/cgroup/find.ts";
import { joinCgroup } from "../../linux/cgroup/join.ts";

/** Moves this process into the cgroup `path` of each hierarchy; it is made where it is missing. */
export function joinShimCgroup(path: string): void {
  const hierarchies = cgroupHierarchies();
  const v1 = hierarchies.filter(({ names }) => !names.includes("unified"));
  joinCgroup(Deno.pid, `/${path.replace(/^\/+/, "")}`, v1.length > 0 ? v1 : hierarchies);
}
