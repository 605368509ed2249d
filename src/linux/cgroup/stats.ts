// SPDX-License-Identifier: MIT
// Reads the statistics of a cgroup, in both versions.
import type { CgroupStats } from "./stats_types.ts";
import type { Cgroup } from "./find.ts";
import * as v1 from "./v1.ts";
import * as v2 from "./v2.ts";

/** Reads a cgroup's statistics, a dozen small files; nothing but the timestamp once it is gone. */
export function readStats({ paths }: Cgroup): CgroupStats {
  const { unified } = paths;
  const stats: CgroupStats = { timestamp: new Date().toISOString() };
  const cpu = v1.readCpu(paths) ?? (unified && v2.readCpu(unified));
  const memory = paths.memory ? v1.readMemory(paths.memory) : unified && v2.readMemory(unified);
  // pids.current and pids.max are the same files in v1.
  const pids = v2.readPids(paths.pids ?? unified);
  const io = paths.blkio ? v1.readIo(paths.blkio) : unified && v2.readIo(unified);
  if (cpu) stats.cpu = cpu;
  if (memory) stats.memory = memory;
  if (pids) stats.pids = pids;
  if (io) stats.io = io;
  return stats;
}

/** Returns the bytes in use; `undefined` without a memory controller. */
export function memoryUsage({ paths }: Cgroup): number | undefined {
  return paths.memory ? v1.memoryUsage(paths.memory) : v2.memoryUsage(paths.unified);
}

/**
 * Returns the cgroup's own limit in bytes; `undefined` without one. Those above it may be lower.
 */
export function memoryLimit({ paths }: Cgroup): number | undefined {
  return paths.memory ? v1.memoryLimit(paths.memory) : v2.memoryLimit(paths.unified);
}

/**
 * Returns how many processes in the cgroup and below the OOM killer has killed; `undefined` where
 * the kernel does not count them (no memory controller, or v1 before Linux 4.13). The kernel counts
 * a kill before it sends the signal: once the process was seen to end, the kill is seen here.
 */
export function oomKills({ paths }: Cgroup): number | undefined {
  return paths.memory ? v1.oomKills(paths.memory) : v2.oomKills(paths.unified);
}
