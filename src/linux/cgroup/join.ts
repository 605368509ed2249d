// SPDX-License-Identifier: MIT
import { errnoNameOf } from "../libc/errno.ts";
import { cgroupHierarchies } from "./find.ts";
import type { Hierarchy } from "./find.ts";
import { isGone } from "./files.ts";

/**
 * Moves a process to the cgroup `path` of every hierarchy that is mounted here, making it where it
 * is missing. Not in v1's cpuset: a new cgroup there has no processors until it is given some
 * (cpusets(7)). A process that has ended is no error, nor is a cgroup that goes meanwhile, except for
 * this process: it would stay where it is.
 *
 * @throws Deno.errors.* when the kernel refuses
 */
export function joinCgroup(
  pid: number,
  path: string,
  hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
): void {
  for (const { names, mountPoint } of hierarchies) {
    if (names.includes("cpuset")) continue;
    const dir = `${mountPoint}${path}`;
    Deno.mkdirSync(dir, { recursive: true });
    try {
      Deno.writeTextFileSync(`${dir}/cgroup.procs`, String(pid), { create: false });
    } catch (error) {
      const ended = errnoNameOf(error) === "ESRCH" || isGone(error);
      if (pid === Deno.pid || !ended) throw error;
    }
  }
}
