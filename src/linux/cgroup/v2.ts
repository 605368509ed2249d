// SPDX-License-Identifier: MIT
// Reads the statistics of a cgroup v2.
import { defined, readKeyed, readLimit, readNumber, readText } from "./files.ts";
import {
  type CpuStats,
  type IoDevice,
  type IoStats,
  type MemoryStats,
  type PidsStats,
  sumIoStats,
} from "./stats_types.ts";

// The files of cgroup v2, Documentation/admin-guide/cgroup-v2.rst. Statistics are of the cgroup and of
// all below it. CPU times are microseconds.

/** Reads the CPU statistics; those of the limit only where the cpu controller is enabled. */
export function readCpu(path: string): CpuStats | undefined {
  const stat = readKeyed(`${path}/cpu.stat`);
  const usageUsec = stat.get("usage_usec");
  if (usageUsec === undefined) return undefined;
  return defined({
    usageUsec,
    userUsec: stat.get("user_usec"),
    systemUsec: stat.get("system_usec"),
    periods: stat.get("nr_periods"),
    throttledPeriods: stat.get("nr_throttled"),
    throttledUsec: stat.get("throttled_usec"),
  });
}

/** Reads the memory statistics. */
export function readMemory(path: string): MemoryStats | undefined {
  const usageBytes = memoryUsage(path);
  if (usageBytes === undefined) return undefined;
  const stat = readKeyed(`${path}/memory.stat`);
  return defined({
    usageBytes,
    limitBytes: memoryLimit(path),
    workingSetBytes: Math.max(0, usageBytes - (stat.get("inactive_file") ?? 0)),
    anonBytes: stat.get("anon"),
    fileBytes: stat.get("file"),
    swapBytes: readNumber(`${path}/memory.swap.current`),
    oomKills: oomKills(path),
  });
}

/** Returns the bytes in use. */
export function memoryUsage(path: string | undefined): number | undefined {
  return path === undefined ? undefined : readNumber(`${path}/memory.current`);
}

/** Returns the most bytes that were ever in use; since Linux 5.19. */
export function memoryPeak(path: string): number | undefined {
  return readNumber(`${path}/memory.peak`);
}

/** Returns the limit in bytes; `undefined`: none. */
export function memoryLimit(path: string | undefined): number | undefined {
  return path === undefined ? undefined : readLimit(`${path}/memory.max`);
}

/** Returns the number of OOM kills, those below included. */
export function oomKills(path: string | undefined): number | undefined {
  return path === undefined ? undefined : readKeyed(`${path}/memory.events`).get("oom_kill");
}

/** Returns how often the cgroup's own limit, not one below it, led to an OOM; since Linux 5.2. */
export function limitHits(path: string): number {
  return readKeyed(`${path}/memory.events.local`).get("oom") ?? 0;
}

/** Reads the number of tasks; v1 has the same two files. */
export function readPids(path: string | undefined): PidsStats | undefined {
  const current = path === undefined ? undefined : readNumber(`${path}/pids.current`);
  return current === undefined
    ? undefined
    : defined({ current, limit: readLimit(`${path}/pids.max`) });
}

/** Reads the block IO. Lines are `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
export function readIo(path: string): IoStats | undefined {
  const text = readText(`${path}/io.stat`);
  if (text === undefined) return undefined;
  const devices: IoDevice[] = [];
  for (const line of text.split("\n")) {
    const [name = "", ...pairs] = line.split(" ");
    const values = new Map(pairs.map((pair) => {
      const [key = "", value = ""] = pair.split("=");
      return [key, value];
    }));
    // A device that has done nothing may be listed bare.
    if (!values.has("rbytes")) continue;
    const [major = 0, minor = 0] = name.split(":").map(Number);
    const value = (key: string) => Number(values.get(key) ?? 0);
    devices.push({
      major,
      minor,
      readBytes: value("rbytes"),
      writeBytes: value("wbytes"),
      reads: value("rios"),
      writes: value("wios"),
    });
  }
  return sumIoStats(devices);
}
