// SPDX-License-Identifier: MIT
import { cgroupHierarchies } from "../../linux/cgroup/cgroup.ts";

/** Moves this process into the cgroup `path` of each hierarchy; it is made where it is missing. */
export function joinShimCgroup(path: string): void {
  const hierarchies = cgroupHierarchies();
  const v1 = hierarchies.filter(({ names }) => !names.includes("unified"));
  for (const { mountPoint } of v1.length > 0 ? v1 : hierarchies) {
    const dir = `${mountPoint}/${path.replace(/^\/+/, "")}`;
    Deno.mkdirSync(dir, { recursive: true });
    Deno.writeTextFileSync(`${dir}/cgroup.procs`, String(Deno.pid), { create: false });
  }
}
