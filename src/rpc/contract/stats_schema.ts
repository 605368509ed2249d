// SPDX-License-Identifier: MIT
import { z } from "zod";
import { time } from "./schemas.ts";

/** IO counters of one block device. */
export const ioDeviceStats = z.object({
  major: z.int().meta({ description: "Major device number" }),
  minor: z.int().meta({ description: "Minor device number" }),
  readBytes: z.int().meta({ description: "Bytes read" }),
  writeBytes: z.int().meta({ description: "Bytes written" }),
  reads: z.int().meta({ description: "Read operations" }),
  writes: z.int().meta({ description: "Write operations" }),
}).meta({ description: "IO counters of one block device" });

/** CPU usage of a container. */
export const cpuStats = z.object({
  usageUsec: z.number().meta({ description: "CPU time used, in microseconds" }),
  userUsec: z.number().optional().meta({
    description: "CPU time used in user mode, in microseconds",
  }),
  systemUsec: z.number().optional().meta({
    description: "CPU time used in the kernel, in microseconds",
  }),
  periods: z.int().optional().meta({ description: "Number of elapsed enforcement periods" }),
  throttledPeriods: z.int().optional().meta({
    description: "Number of periods in which the CPU limit was reached",
  }),
  throttledUsec: z.number().optional().meta({
    description: "Time during which the container was throttled, in microseconds",
  }),
}).meta({ description: "CPU usage of a container" });

/** Memory usage of a container, in bytes. */
export const memoryStats = z.object({
  usageBytes: z.int().meta({ description: "Memory usage, including page cache" }),
  limitBytes: z.int().optional().meta({ description: "Memory limit; absent if there is none" }),
  workingSetBytes: z.int().meta({ description: "Memory usage without inactive page cache" }),
  anonBytes: z.int().optional().meta({ description: "Anonymous memory" }),
  fileBytes: z.int().optional().meta({ description: "Page cache, including shared memory" }),
  swapBytes: z.int().optional().meta({ description: "Swap usage" }),
  oomKills: z.int().optional().meta({
    description: "Number of processes killed by the OOM killer",
  }),
}).meta({ description: "Memory usage of a container, in bytes" });

/** Number of tasks of a container. */
export const pidsStats = z.object({
  current: z.int().meta({ description: "Number of tasks (processes and threads)" }),
  limit: z.int().optional().meta({ description: "Task limit; absent if there is none" }),
}).meta({ description: "Number of tasks of a container" });

/** Block IO of a container. */
export const ioStats = z.object({
  readBytes: z.int().meta({ description: "Bytes read from block devices" }),
  writeBytes: z.int().meta({ description: "Bytes written to block devices" }),
  reads: z.int().meta({ description: "Read operations on block devices" }),
  writes: z.int().meta({ description: "Write operations on block devices" }),
  devices: z.array(ioDeviceStats).meta({ description: "IO counters of each device" }),
}).meta({ description: "Block IO of a container" });

/**
 * Resource usage of a container, in one format for cgroup v1 and v2. A controller that the kernel does
 * not provide for the container is absent, never zero.
 */
export const stats = z.object({
  timestamp: time("Time of the reading"),
  cpu: cpuStats.optional(),
  memory: memoryStats.optional(),
  pids: pidsStats.optional(),
  io: ioStats.optional(),
}).meta({
  description:
    "Resource usage of a container. What the kernel does not provide is absent, never zero",
});

/** Resource usage of a container. */
export type Stats = z.output<typeof stats>;
