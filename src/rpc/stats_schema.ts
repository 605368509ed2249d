// SPDX-License-Identifier: MIT
import { z } from "zod";

/** Bytes or operations of one block device. */
const ioDevice = z.object({
  major: z.int(),
  minor: z.int(),
  readBytes: z.int(),
  writeBytes: z.int(),
  reads: z.int(),
  writes: z.int(),
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
    throttledPeriods: z.int().optional(),
    throttledUsec: z.number().optional().meta({ description: "Time throttled, microseconds" }),
  }).optional(),
  memory: z.object({
    usageBytes: z.int(),
    limitBytes: z.int().optional().meta({ description: "Absent: no limit" }),
    workingSetBytes: z.int().meta({ description: "Usage less inactive file pages" }),
    anonBytes: z.int().optional(),
    fileBytes: z.int().optional(),
    swapBytes: z.int().optional(),
    oomKills: z.int().optional(),
  }).optional(),
  pids: z.object({
    current: z.int(),
    limit: z.int().optional().meta({ description: "Absent: no limit" }),
  }).optional(),
  io: z.object({
    readBytes: z.int(),
    writeBytes: z.int(),
    reads: z.int(),
    writes: z.int(),
    devices: z.array(ioDevice),
  }).optional(),
});

/** The cgroup figures of a container. */
export type Stats = z.output<typeof stats>;
