// SPDX-License-Identifier: MIT
import { z } from "zod";

/** Bytes or operations of one block device. */
const ioDevice = z.object({
  major: z.int().meta({ description: "Major number of the device" }),
  minor: z.int().meta({ description: "Minor number of the device" }),
  readBytes: z.int().meta({ description: "Bytes read from it" }),
  writeBytes: z.int().meta({ description: "Bytes written to it" }),
  reads: z.int().meta({ description: "Reads from it" }),
  writes: z.int().meta({ description: "Writes to it" }),
});

/**
 * The cgroup figures of a container, one shape for cgroup v1 and v2. A controller that the kernel
 * does not offer for the container is absent, never zero.
 */
export const stats = z.object({
  timestamp: z.string().meta({ description: "When it was read: RFC 3339, UTC, milliseconds" }),
  cpu: z.object({
    usageUsec: z.number().meta({ description: "CPU time used, microseconds" }),
    userUsec: z.number().optional().meta({ description: "Of it in user mode, microseconds" }),
    systemUsec: z.number().optional().meta({ description: "Of it in the kernel, microseconds" }),
    periods: z.int().optional().meta({ description: "Enforcement periods elapsed" }),
    throttledPeriods: z.int().optional().meta({
      description: "Periods in which the limit was hit",
    }),
    throttledUsec: z.number().optional().meta({ description: "Time throttled, microseconds" }),
  }).optional().meta({ description: "CPU time" }),
  memory: z.object({
    usageBytes: z.int().meta({ description: "Memory charged, page cache included" }),
    limitBytes: z.int().optional().meta({ description: "Absent: no limit" }),
    workingSetBytes: z.int().meta({ description: "Usage less inactive file pages" }),
    anonBytes: z.int().optional().meta({ description: "Anonymous memory" }),
    fileBytes: z.int().optional().meta({ description: "Page cache, shared memory included" }),
    swapBytes: z.int().optional().meta({ description: "Swap in use" }),
    oomKills: z.int().optional().meta({ description: "Processes that the OOM killer has killed" }),
  }).optional().meta({ description: "Memory" }),
  pids: z.object({
    current: z.int().meta({ description: "Tasks: processes and their threads" }),
    limit: z.int().optional().meta({ description: "Absent: no limit" }),
  }).optional().meta({ description: "Number of tasks" }),
  io: z.object({
    readBytes: z.int().meta({ description: "Bytes read from block devices" }),
    writeBytes: z.int().meta({ description: "Bytes written to block devices" }),
    reads: z.int().meta({ description: "Reads from block devices" }),
    writes: z.int().meta({ description: "Writes to block devices" }),
    devices: z.array(ioDevice).meta({ description: "The same, device by device" }),
  }).optional().meta({ description: "Block devices" }),
});

/** The cgroup figures of a container. */
export type Stats = z.output<typeof stats>;
