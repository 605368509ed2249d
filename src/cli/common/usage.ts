// SPDX-License-Identifier: MIT
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import { formatBytes } from "../text/format.ts";
import { boldHeader } from "../text/print.ts";
import { formatTable } from "../text/table.ts";

/** What a container uses right now; what its cgroup does not tell is absent. */
export interface Usage {
  readonly id: string;
  /** How it is: created, running or paused; absent where that was not asked. */
  readonly status?: string;
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
const OPTIONAL = ["WRITTEN", "READ", "MEM %", "LIMIT", "STATUS", "PIDS"];

/** An id is cut to so many characters before a column is left out. */
const SHORT_ID = 12;

/**
 * Returns the table of usages. On a narrow screen it cuts ids, then leaves columns out, the least
 * telling first, until it fits.
 */
export function usageTable(usages: readonly Usage[], width: number | undefined): string[] {
  const dash = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? "-" : format(value);
  const columns: Record<string, (usage: Usage) => string> = {
    ID: (usage) => usage.id,
    ...(usages.some(({ status }) => status !== undefined) && {
      STATUS: (usage: Usage) => usage.status ?? "",
    }),
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
  const cells = (names: readonly string[]) =>
    usages.map((usage) => names.map((name) => columns[name]?.(usage) ?? ""));
  const figures = (names: readonly string[]) =>
    [...names.keys()].filter((column) => !["ID", "STATUS"].includes(names[column] ?? ""));
  let names = Object.keys(columns);
  for (const optional of OPTIONAL) {
    const short = cells(names).map(([id = "", ...rest]) => [id.slice(0, SHORT_ID), ...rest]);
    const least = formatTable(names, short).reduce((most, line) => Math.max(most, line.length), 0);
    if (width === undefined || least <= width) break;
    names = names.filter((name) => name !== optional);
  }
  return formatTable(names, cells(names), { right: figures(names), width, style: boldHeader });
}
