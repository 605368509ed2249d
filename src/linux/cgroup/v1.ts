// SPDX-License-Identifier: MIT
// Reads the statistics of a cgroup v1.
import { defined, readKeyed, readLimit, readNumber, readText, subtree } from "./files.ts";
import {
  type CpuStats,
  type IoDevice,
  type IoStats,
  type MemoryStats,
  sumIoStats,
} from "./stats_types.ts";

// The files of cgroup v1, Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller}.rst
// and Documentation/scheduler/sched-bwc.rst. CPU times are nanoseconds.

/**
 * Reads the CPU statistics; cpuacct, with usage, and cpu, with throttling, often share a directory.
 */
export function readCpu(
  { cpuacct, cpu }: Readonly<Record<string, string>>,
): CpuStats | undefined {
  const usage = cpuacct && readNumber(`${cpuacct}/cpuacct.usage`);
  if (typeof usage !== "number") return undefined;
  const throttling = cpu === undefined ? undefined : readKeyed(`${cpu}/cpu.stat`);
  return defined({
    usageUsec: usage / 1000,
    userUsec: usec(readNumber(`${cpuacct}/cpuacct.usage_user`)),
    systemUsec: usec(readNumber(`${cpuacct}/cpuacct.usage_sys`)),
    periods: throttling?.get("nr_periods"),
    throttledPeriods: throttling?.get("nr_throttled"),
    throttledUsec: usec(throttling?.get("throttled_time")),
  });
}

function usec(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : nanoseconds / 1000;
}

/** Reads the memory statistics, those of cgroups below included (`total_…`). */
export function readMemory(path: string): MemoryStats | undefined {
  const usageBytes = memoryUsage(path);
  if (usageBytes === undefined) return undefined;
  const stat = readKeyed(`${path}/memory.stat`);
  return defined({
    usageBytes,
    limitBytes: memoryLimit(path),
    workingSetBytes: Math.max(0, usageBytes - (stat.get("total_inactive_file") ?? 0)),
    anonBytes: stat.get("total_rss"),
    fileBytes: stat.get("total_cache"),
    swapBytes: stat.get("total_swap"),
    oomKills: oomKills(path),
  });
}

/** Returns the bytes in use. */
export function memoryUsage(path: string): number | undefined {
  return readNumber(`${path}/memory.usage_in_bytes`);
}

/** Returns the most bytes that were ever in use. */
export function memoryPeak(path: string): number | undefined {
  return readNumber(`${path}/memory.max_usage_in_bytes`);
}

/** Returns the limit in bytes; `undefined`: none. */
export function memoryLimit(path: string): number | undefined {
  return readLimit(`${path}/memory.limit_in_bytes`);
}

/** Returns the number of OOM kills; v1 counts each in the cgroup of the process alone. */
export function oomKills(path: string): number | undefined {
  const counts = [...oomCounts(path).values()];
  return counts.length === 0 ? undefined : counts.reduce((sum, kills) => sum + kills);
}

/**
 * Returns the OOM kills that the cgroup and each below it has counted; a count goes with its
 * cgroup.
 */
export function oomCounts(path: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const dir of subtree(path)) {
    const kills = readKeyed(`${dir}/memory.oom_control`).get("oom_kill");
    if (kills !== undefined) counts.set(dir, kills);
  }
  return counts;
}

/** Returns how often the cgroup's own limit (of memory, or of memory and swap) stood in the way. */
export function limitHits(path: string): number {
  return (readNumber(`${path}/memory.failcnt`) ?? 0) +
    (readNumber(`${path}/memory.memsw.failcnt`) ?? 0);
}

/** Reads the block IO as blk-throttle counts it, whatever the IO scheduler. */
export function readIo(path: string): IoStats | undefined {
  const bytes = readIoFile(path, "io_service_bytes");
  const operations = readIoFile(path, "io_serviced");
  if (bytes === undefined || operations === undefined) return undefined;
  const devices = new Map<string, IoDevice>();
  const device = (name: string): IoDevice => {
    const [major = 0, minor = 0] = name.split(":").map(Number);
    const found = devices.get(name) ??
      { major, minor, readBytes: 0, writeBytes: 0, reads: 0, writes: 0 };
    devices.set(name, found);
    return found;
  };
  for (const { name, operation, value } of bytes) {
    if (operation === "Read") device(name).readBytes = value;
    else if (operation === "Write") device(name).writeBytes = value;
  }
  for (const { name, operation, value } of operations) {
    if (operation === "Read") device(name).reads = value;
    else if (operation === "Write") device(name).writes = value;
  }
  return sumIoStats([...devices.values()]);
}

/** Reads lines such as `8:0 Read 4096`; the last one, `Total 4096`, is not of a device. */
function readIoFile(path: string, file: string) {
  const text = readText(`${path}/blkio.throttle.${file}_recursive`) ??
    readText(`${path}/blkio.throttle.${file}`);
  return text?.split("\n").map((line) => line.split(" ")).filter(({ length }) => length === 3).map(
    ([name = "", operation, value]) => ({ name, operation, value: Number(value) }),
  );
}
