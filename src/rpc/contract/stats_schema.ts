// SPDX-License-Identifier: MIT
import { z } from "zod";

/** IO counters of one block device. */
const ioDevice = z.object({
  major: z.int().meta({ description: "Major device number" }),
  minor: z.int().meta({ description: "Minor device number" }),
  readBytes: z.int().meta({ description: "Bytes read" }),
  writeBytes: z.int().meta({ description: "Bytes written" }),
  reads: z.int().meta({ description: "Read operations" }),
  writes: z.int().meta({ description: "Write operations" }),
});

/**
 * Resource usage of a container, in one format for cgroup v1 and v2. A controller that the kernel does
 * not provide for the container is absent, never zero.
 */
export const stats = z.object({
  timestamp: z.string().meta({
    description: "Time of the reading, in RFC 3339 format, UTC, with milliseconds",
  }),
  cpu: z.object({
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
  }).optional().meta({ description: "CPU usage" }),
  memory: z.object({
    usageBytes: z.int().meta({ description: "Memory usage, including page cache" }),
    limitBytes: z.int().optional().meta({ description: "Memory limit; absent if there is none" }),
    workingSetBytes: z.int().meta({ description: "Memory usage without inactive page cache" }),
    anonBytes: z.int().optional().meta({ description: "Anonymous memory" }),
    fileBytes: z.int().optional().meta({ description: "Page cache, including shared memory" }),
    swapBytes: z.int().optional().meta({ description: "Swap usage" }),
    oomKills: z.int().optional().meta({
      description: "Number of processes killed by the OOM killer",
    }),
  }).optional().meta({ description: "Memory usage" }),
  pids: z.object({
    current: z.int().meta({ description: "Number of tasks (processes and threads)" }),
    limit: z.int().optional().meta({ description: "Task limit; absent if there is none" }),
  }).optional().meta({ description: "Task usage" }),
  io: z.object({
    readBytes: z.int().meta({ description: "Bytes read from block devices" }),
    writeBytes: z.int().meta({ description: "Bytes written to block devices" }),
    reads: z.int().meta({ description: "Read operations on block devices" }),
    writes: z.int().meta({ description: "Write operations on block devices" }),
    devices: z.array(ioDevice).meta({ description: "IO counters of each device" }),
  }).optional().meta({ description: "Block IO" }),
});

/** Resource usage of a container. */
export type Stats = z.output<typeof stats>;
