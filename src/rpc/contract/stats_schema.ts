// SPDX-License-Identifier: MIT
// Resource usage on the wire.
import * as z from "zod";
import { time } from "./schemas.ts";

/** IO counters of one block device. */
export const ioDeviceStats = z.object({
  major: z.int().describe("Major device number"),
  minor: z.int().describe("Minor device number"),
  readBytes: z.int().describe("Bytes read"),
  writeBytes: z.int().describe("Bytes written"),
  reads: z.int().describe("Read operations"),
  writes: z.int().describe("Write operations"),
}).describe("IO counters of one block device");

/** CPU usage of a container. */
export const cpuStats = z.object({
  usageUsec: z.number().describe("CPU time used, in microseconds"),
  userUsec: z.number().optional().describe("CPU time used in user mode, in microseconds"),
  systemUsec: z.number().optional().describe("CPU time used in the kernel, in microseconds"),
  periods: z.int().optional().describe("Number of elapsed enforcement periods"),
  throttledPeriods: z.int().optional().describe(
    "Number of periods in which the CPU limit was reached",
  ),
  throttledUsec: z.number().optional().describe(
    "Time during which the container was throttled, in microseconds",
  ),
}).describe("CPU usage of a container");

/** Memory usage of a container, in bytes. */
export const memoryStats = z.object({
  usageBytes: z.int().describe("Memory usage, including page cache"),
  limitBytes: z.int().optional().describe("Memory limit; absent if there is none"),
  workingSetBytes: z.int().describe("Memory usage without inactive page cache"),
  anonBytes: z.int().optional().describe("Anonymous memory"),
  fileBytes: z.int().optional().describe("Page cache, including shared memory"),
  swapBytes: z.int().optional().describe("Swap usage"),
  oomKills: z.int().optional().describe("Number of processes killed by the OOM killer"),
}).describe("Memory usage of a container, in bytes");

/** Number of tasks of a container. */
export const pidsStats = z.object({
  current: z.int().describe("Number of tasks (processes and threads)"),
  limit: z.int().optional().describe("Task limit; absent if there is none"),
}).describe("Number of tasks of a container");

/** Block IO of a container. */
export const ioStats = z.object({
  readBytes: z.int().describe("Bytes read from block devices"),
  writeBytes: z.int().describe("Bytes written to block devices"),
  reads: z.int().describe("Read operations on block devices"),
  writes: z.int().describe("Write operations on block devices"),
  devices: z.array(ioDeviceStats).describe("IO counters of each device"),
}).describe("Block IO of a container");

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
}).describe(
  "Resource usage of a container. What the kernel does not provide is absent, never zero",
);

/** Resource usage of a container. */
export type Stats = z.output<typeof stats>;
