// SPDX-License-Identifier: MIT
import type { Stats } from "./contract/stats_schema.ts";

/** Returns the percent of one CPU used between two readings; undefined where they do not tell. */
export function cpuPercent(before: Stats | undefined, after: Stats): number | undefined {
  if (before?.cpu === undefined || after.cpu === undefined) return undefined;
  const elapsedUsec = (Date.parse(after.timestamp) - Date.parse(before.timestamp)) * 1000;
  const usedUsec = after.cpu.usageUsec - before.cpu.usageUsec;
  return elapsedUsec > 0 && usedUsec >= 0 ? usedUsec / elapsedUsec * 100 : undefined;
}
