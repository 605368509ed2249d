// SPDX-License-Identifier: MIT

/** CPU time. */
export interface CpuStats {
  /** CPU time in all, microseconds. */
  usageUsec: number;
  /** CPU time in user mode, microseconds. */
  userUsec?: number;
  /** CPU time in the kernel, microseconds. */
  systemUsec?: number;
  /** Periods of the CPU limit that elapsed. */
  periods?: number;
  /** Periods in which the limit was hit. */
  throttledPeriods?: number;
  /** Time kept waiting by the limit, microseconds, summed over CPUs. */
  throttledUsec?: number;
}

/** Memory, in bytes. */
export interface MemoryStats {
  /** All that is charged, page cache too. */
  usageBytes: number;
  /** Absent: no limit. */
  limitBytes?: number;
  /** Usage less file pages that are not in active use: what cannot be had back easily. */
  workingSetBytes: number;
  /** Anonymous pages. */
  anonBytes?: number;
  /** Page cache, shared memory included. */
  fileBytes?: number;
  swapBytes?: number;
  /** Processes that the OOM killer has killed, in cgroups below too. */
  oomKills?: number;
}

/** Tasks, which are threads: a process counts once for each. */
export interface PidsStats {
  current: number;
  /** Absent: no limit. */
  limit?: number;
}

/** Counters of one block device. */
export interface IoDevice {
  major: number;
  minor: number;
  readBytes: number;
  writeBytes: number;
  reads: number;
  writes: number;
}

/** Block IO: what reached devices, not what the page cache answered. */
export interface IoStats {
  readBytes: number;
  writeBytes: number;
  reads: number;
  writes: number;
  devices: IoDevice[];
}

/** A cgroup's statistics, one shape for v1 and v2; a controller that is not there is absent. */
export interface CgroupStats {
  /** When it was read: RFC 3339, UTC, milliseconds. */
  timestamp: string;
  cpu?: CpuStats;
  memory?: MemoryStats;
  pids?: PidsStats;
  io?: IoStats;
}

/** Returns the sums over `devices`, and these. */
export function sumIoStats(devices: IoDevice[]): IoStats {
  const sum = (of: (device: IoDevice) => number) =>
    devices.reduce((total, device) => total + of(device), 0);
  return {
    readBytes: sum(({ readBytes }) => readBytes),
    writeBytes: sum(({ writeBytes }) => writeBytes),
    reads: sum(({ reads }) => reads),
    writes: sum(({ writes }) => writes),
    devices,
  };
}
