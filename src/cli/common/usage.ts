// SPDX-License-Identifier: MIT
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import { formatBytes } from "../text/format.ts";
import { formatTable } from "../text/table.ts";

/** What a container uses right now; what its cgroup does not tell is absent. */
export interface Usage {
  readonly id: string;
  /** It does not run; then all figures are absent. */
  readonly stopped?: true;
  /** Percent of one CPU; absent until there are two samples. */
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  readonly memoryLimitBytes?: number;
  readonly pids?: number;
  readonly pidsLimit?: number;
  readonly readBytes?: number;
  readonly writeBytes?: number;
}

/** Percent of one CPU used between two samples; undefined where they do not tell. */
export function cpuPercent(before: Stats | undefined, after: Stats): number | undefined {
  if (!before?.cpu || !after.cpu) return undefined;
  const elapsedUsec = (Date.parse(after.timestamp) - Date.parse(before.timestamp)) * 1000;
  const usedUsec = after.cpu.usageUsec - before.cpu.usageUsec;
  return elapsedUsec > 0 && usedUsec >= 0 ? usedUsec / elapsedUsec * 100 : undefined;
}

/** What a container uses, from its latest sample and the one before. */
export function usageOf(id: string, before: Stats | undefined, after: Stats): Usage {
  const cpu = cpuPercent(before, after);
  const { memory, pids, io } = after;
  return {
    id,
    ...(cpu !== undefined && { cpuPercent: cpu }),
    // As docker: without the file pages that the kernel would give back at once.
    ...(memory && { memoryBytes: memory.workingSetBytes }),
    ...(memory?.limitBytes !== undefined && { memoryLimitBytes: memory.limitBytes }),
    ...(pids && { pids: pids.current }),
    ...(pids?.limit !== undefined && { pidsLimit: pids.limit }),
    ...(io && { readBytes: io.readBytes, writeBytes: io.writeBytes }),
  };
}

/** Columns that go first when the screen is narrow. */
const OPTIONAL = ["WRITTEN", "READ", "MEM %", "LIMIT", "PIDS"];

/** The table of usages; leaves columns out, the least telling first, until it fits. */
export function usageTable(usages: readonly Usage[], width: number | undefined): string[] {
  const dash = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? "-" : format(value);
  const columns: Record<string, (usage: Usage) => string> = {
    ID: (usage) => usage.id,
    "CPU %": (usage) => dash(usage.cpuPercent, (value) => value.toFixed(1)),
    MEMORY: (usage) => dash(usage.memoryBytes, formatBytes),
    LIMIT: (usage) => dash(usage.memoryLimitBytes, formatBytes),
    "MEM %": ({ memoryBytes, memoryLimitBytes }) =>
      memoryBytes === undefined || !memoryLimitBytes
        ? "-"
        : (memoryBytes / memoryLimitBytes * 100).toFixed(1),
    PIDS: ({ pids, pidsLimit }) =>
      dash(pids, String) + (pidsLimit === undefined ? "" : `/${pidsLimit}`),
    READ: (usage) => dash(usage.readBytes, formatBytes),
    WRITTEN: (usage) => dash(usage.writeBytes, formatBytes),
  };
  const render = (names: readonly string[]) =>
    formatTable(names, usages.map((usage) => names.map((name) => columns[name]?.(usage) ?? "")), {
      right: names.map((_, index) => index).slice(1),
    });
  let names = Object.keys(columns);
  for (const optional of OPTIONAL) {
    const widest = render(names).reduce((most, line) => Math.max(most, line.length), 0);
    if (width === undefined || widest <= width) break;
    names = names.filter((name) => name !== optional);
  }
  return render(names).map((line) => width === undefined ? line : line.slice(0, width));
}
