// SPDX-License-Identifier: MIT
// The statistics of a cgroup v2 as containerd has them (io.containerd.cgroups.v2).
import type { Field } from "../protobuf/fields.ts";
import { message } from "../protobuf/fields.ts";

const PidsStat = message({ current: [1, "uint64"], limit: [2, "uint64"] });

const PsiData = message({
  avg10: [1, "double"],
  avg60: [2, "double"],
  avg300: [3, "double"],
  total: [4, "uint64"],
});

const PsiStats = message({ some: [1, PsiData], full: [2, PsiData] });

const CpuStat = message({
  usage_usec: [1, "uint64"],
  user_usec: [2, "uint64"],
  system_usec: [3, "uint64"],
  nr_periods: [4, "uint64"],
  nr_throttled: [5, "uint64"],
  throttled_usec: [6, "uint64"],
  psi: [7, PsiStats],
  nr_bursts: [8, "uint64"],
  burst_usec: [9, "uint64"],
});

/** The statistics of `memory.stat` that the message has, by the kernel's names, in the message's order. */
export const MEMORY_STAT_V2 = [
  ...["anon", "file", "kernel_stack", "slab", "sock", "shmem", "file_mapped", "file_dirty"],
  ...["file_writeback", "anon_thp", "inactive_anon", "active_anon", "inactive_file"],
  ...["active_file", "unevictable", "slab_reclaimable", "slab_unreclaimable", "pgfault"],
  ...["pgmajfault", "workingset_refault", "workingset_activate", "workingset_nodereclaim"],
  ...["pgrefill", "pgscan", "pgsteal", "pgactivate", "pgdeactivate", "pglazyfree"],
  ...["pglazyfreed", "thp_fault_alloc", "thp_collapse_alloc"],
];

const statFields: Record<string, Field> = Object.fromEntries(
  MEMORY_STAT_V2.map((name, index): [string, Field] => [name, [index + 1, "uint64"]]),
);

const MemoryStat = message({
  ...statFields,
  usage: [32, "uint64"],
  usage_limit: [33, "uint64"],
  swap_usage: [34, "uint64"],
  swap_limit: [35, "uint64"],
  max_usage: [36, "uint64"],
  swap_max_usage: [37, "uint64"],
  psi: [38, PsiStats],
});

const RdmaEntry = message({
  device: [1, "string"],
  hca_handles: [2, "uint32"],
  hca_objects: [3, "uint32"],
});

const RdmaStat = message({
  current: [1, RdmaEntry, "repeated"],
  limit: [2, RdmaEntry, "repeated"],
});

const IoEntry = message({
  major: [1, "uint64"],
  minor: [2, "uint64"],
  rbytes: [3, "uint64"],
  wbytes: [4, "uint64"],
  rios: [5, "uint64"],
  wios: [6, "uint64"],
});

const IoStat = message({ usage: [1, IoEntry, "repeated"], psi: [2, PsiStats] });

const HugetlbStat = message({
  current: [1, "uint64"],
  max: [2, "uint64"],
  pagesize: [3, "string"],
  failcnt: [4, "uint64"],
});

const MemoryEvents = message({
  low: [1, "uint64"],
  high: [2, "uint64"],
  max: [3, "uint64"],
  oom: [4, "uint64"],
  oom_kill: [5, "uint64"],
  oom_group_kill: [6, "uint64"],
});

export const MetricsV2 = message({
  pids: [1, PidsStat],
  cpu: [2, CpuStat],
  memory: [4, MemoryStat],
  rdma: [5, RdmaStat],
  io: [6, IoStat],
  hugetlb: [7, HugetlbStat, "repeated"],
  memory_events: [8, MemoryEvents],
});
