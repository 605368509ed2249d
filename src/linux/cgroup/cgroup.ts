// SPDX-License-Identifier: MIT
// Cgroups of containers, v1, v2 and hybrid: found by a process, then used by their paths alone.
export {
  type Cgroup,
  cgroupAt,
  cgroupHierarchies,
  findCgroup,
  type FindCgroupOptions,
  type Hierarchy,
} from "./find.ts";
export {
  killAll,
  killUntilEmpty,
  occupiedAncestor,
  type OccupiedCgroup,
  type PatienceOptions,
  pids,
  remove,
  removeIfEmpty,
} from "./processes.ts";
export type {
  CgroupStats,
  CpuStats,
  IoDevice,
  IoStats,
  MemoryStats,
  PidsStats,
} from "./stats_types.ts";
export { memoryLimit, memoryUsage, oomKills, readStats } from "./stats.ts";
export { freeze, type FreezerState, freezerState, thaw } from "./freezer.ts";
