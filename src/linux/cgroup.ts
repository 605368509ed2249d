// SPDX-License-Identifier: MIT
// Cgroups of containers, v1, v2 and hybrid: found by a process, then used by their paths alone.
export {
  type Cgroup,
  cgroupDirs,
  cgroupHierarchies,
  findCgroup,
  type FindCgroupOptions,
  type Hierarchy,
} from "./cgroup_find.ts";
export { killAll, killUntilEmpty, type PatienceOptions, pids, remove } from "./cgroup_processes.ts";
export type {
  CgroupStats,
  CpuStats,
  IoDevice,
  IoStats,
  MemoryStats,
  PidsStats,
} from "./cgroup_figures.ts";
export { memoryLimit, memoryUsage, oomKills, readStats } from "./cgroup_stats.ts";
export { freeze, type FreezerState, freezerState, thaw } from "./freezer.ts";
