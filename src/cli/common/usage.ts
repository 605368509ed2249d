// SPDX-License-Identifier: MIT
// The usage of a container as `stats` and `top` show it.
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import { cpuPercent } from "../../rpc/cpu_percent.ts";
import { formatBytes } from "../text/format.ts";
import { columns, formatRows, type ListField, type ListFields } from "../text/rows.ts";

/** The current resource usage of a container; what its cgroup does not provide is absent. */
export interface Usage {
  readonly id: string;
  /** How it is: created, running or paused; absent where that was not asked. */
  readonly status?: string;
  /** The container does not run; all members of the usage are then absent. */
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

/** Returns the usage of a container, from its latest sample and the one before. */
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

const dash = (value: number | undefined, format: (value: number) => string) =>
  value === undefined ? "-" : format(value);

/** Returns a field with a figure; a dash where it is not known. */
function figureField(
  header: string,
  of: (usage: Usage) => number | undefined,
  format: (value: number) => string,
): ListField<Usage> {
  return { header, kind: "figure", value: (usage) => dash(of(usage), format) };
}

const cpuShare = ({ cpuPercent }: Usage) => cpuPercent;

const memoryShare = ({ memoryBytes, memoryLimitBytes }: Usage) =>
  memoryBytes === undefined || !memoryLimitBytes ? undefined : memoryBytes / memoryLimitBytes * 100;

const asDocker = (value: number) => `${value.toFixed(2)}%`;

/** The fields that `stats` can show of a container, by docker's names and berth's own. */
export const USAGE_FIELDS: ListFields<Usage> = {
  ID: { header: "ID", value: ({ id }) => id },
  Name: { header: "NAME", value: ({ id }) => id },
  Container: { header: "CONTAINER", value: ({ id }) => id },
  Status: { header: "STATUS", value: ({ status }) => status ?? "" },
  CPUPerc: figureField("CPU %", cpuShare, asDocker),
  Memory: figureField("MEMORY", ({ memoryBytes }) => memoryBytes, formatBytes),
  MemUsage: {
    header: "MEM USAGE / LIMIT",
    kind: "figure",
    value: (usage) =>
      `${dash(usage.memoryBytes, formatBytes)} / ${dash(usage.memoryLimitBytes, formatBytes)}`,
  },
  MemLimit: figureField("LIMIT", ({ memoryLimitBytes }) => memoryLimitBytes, formatBytes),
  MemPerc: figureField("MEM %", memoryShare, asDocker),
  PIDs: {
    header: "PIDS",
    kind: "figure",
    value: ({ pids, pidsLimit }) =>
      dash(pids, String) + (pidsLimit === undefined ? "" : `/${pidsLimit}`),
  },
  BlockIO: {
    header: "BLOCK I/O",
    kind: "figure",
    value: (usage) =>
      `${dash(usage.readBytes, formatBytes)} / ${dash(usage.writeBytes, formatBytes)}`,
  },
  BlockRead: figureField("READ", ({ readBytes }) => readBytes, formatBytes),
  BlockWrite: figureField("WRITTEN", ({ writeBytes }) => writeBytes, formatBytes),
};

const short = (value: number) => value.toFixed(1);

/** The fields of berth's own table, whose headers say what is in percent. */
const TABLE_FIELDS: ListFields<Usage> = {
  ...USAGE_FIELDS,
  CPUPerc: figureField("CPU %", cpuShare, short),
  MemPerc: figureField("MEM %", memoryShare, short),
};

/** The columns of the table; a status where one was asked for. */
const COLUMNS = [
  ...["ID", "Status", "CPUPerc", "Memory", "MemLimit", "MemPerc", "PIDs", "BlockRead"],
  "BlockWrite",
];

/** Columns that go where a screen is too narrow for all figures, which cannot be cut. */
const OPTIONAL = ["MemPerc", "MemLimit", "BlockWrite", "BlockRead", "PIDs", "Status"];

/** An id is cut to so many characters before a column is left out, and so is a status. */
const SHORT_TEXT = 8;

/**
 * Returns the table of usages. On a narrow screen it cuts ids, then leaves figures out, the least
 * telling first, until it fits.
 */
export function usageTable(usages: readonly Usage[], width: number | undefined): string[] {
  const withStatus = usages.some(({ status }) => status !== undefined);
  let names = COLUMNS.filter((name) => name !== "Status" || withStatus);
  for (const optional of OPTIONAL) {
    if (width === undefined || leastWidth(usages, names) <= width) break;
    names = names.filter((name) => name !== optional);
  }
  return formatRows(usages, columns(TABLE_FIELDS, names), TABLE_FIELDS, { width });
}

/** Returns the width of a table with whole figures and short texts, one blank between them. */
function leastWidth(usages: readonly Usage[], names: readonly string[]): number {
  const widths = names.map((name) => {
    const cells = formatRows(usages, columns(TABLE_FIELDS, [name]), TABLE_FIELDS, { plain: true });
    const widest = cells.reduce((most, cell) => Math.max(most, [...cell].length), 0);
    return TABLE_FIELDS[name]?.kind === "figure" ? widest : Math.min(SHORT_TEXT, widest);
  });
  return widths.reduce((total, value) => total + value + 1, -1);
}
