// SPDX-License-Identifier: MIT
// The statistics of a cgroup v1 as containerd has them (io.containerd.cgroups.v1).
import type { Field } from "../protobuf/fields.ts";
import { message } from "../protobuf/fields.ts";

const HugetlbStat = message({
  usage: [1, "uint64"],
  max: [2, "uint64"],
  failcnt: [3, "uint64"],
  pagesize: [4, "string"],
});

const PidsStat = message({ current: [1, "uint64"], limit: [2, "uint64"] });

const CpuUsage = message({
  total: [1, "uint64"],
  kernel: [2, "uint64"],
  user: [3, "uint64"],
  per_cpu: [4, "uint64", "repeated"],
});

const Throttle = message({
  periods: [1, "uint64"],
  throttled_periods: [2, "uint64"],
  throttled_time: [3, "uint64"],
});

const CpuStat = message({ usage: [1, CpuUsage], throttling: [2, Throttle] });

const MemoryEntry = message({
  limit: [1, "uint64"],
  usage: [2, "uint64"],
  max: [3, "uint64"],
  failcnt: [4, "uint64"],
});

/** The statistics of `memory.stat` that the message has, by the kernel's names, in the message's order. */
export const MEMORY_STAT_V1 = [
  ...["cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pgpgin", "pgpgout"],
  ...["pgfault", "pgmajfault", "inactive_anon", "active_anon", "inactive_file", "active_file"],
  ...["unevictable", "hierarchical_memory_limit", "hierarchical_memsw_limit"],
  ...["total_cache", "total_rss", "total_rss_huge", "total_mapped_file", "total_dirty"],
  ...["total_writeback", "total_pgpgin", "total_pgpgout", "total_pgfault", "total_pgmajfault"],
  ...["total_inactive_anon", "total_active_anon", "total_inactive_file", "total_active_file"],
  "total_unevictable",
];

const statFields: Record<string, Field> = Object.fromEntries(
  MEMORY_STAT_V1.map((name, index): [string, Field] => [name, [index + 1, "uint64"]]),
);

const MemoryStat = message({
  ...statFields,
  usage: [33, MemoryEntry],
  swap: [34, MemoryEntry],
  kernel: [35, MemoryEntry],
  kernel_tcp: [36, MemoryEntry],
});

const BlkioEntry = message({
  op: [1, "string"],
  device: [2, "string"],
  major: [3, "uint64"],
  minor: [4, "uint64"],
  value: [5, "uint64"],
});

const BlkioStat = message({
  io_service_bytes_recursive: [1, BlkioEntry, "repeated"],
  io_serviced_recursive: [2, BlkioEntry, "repeated"],
});

const OomControl = message({
  oom_kill_disable: [1, "uint64"],
  under_oom: [2, "uint64"],
  oom_kill: [3, "uint64"],
});

export const MetricsV1 = message({
  hugetlb: [1, HugetlbStat, "repeated"],
  pids: [2, PidsStat],
  cpu: [3, CpuStat],
  memory: [4, MemoryStat],
  blkio: [5, BlkioStat],
  memory_oom_control: [9, OomControl],
});
