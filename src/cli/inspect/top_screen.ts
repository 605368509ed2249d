// SPDX-License-Identifier: MIT
import { type Usage, usageTable } from "../common/usage.ts";
import { formatBytes } from "../text/format.ts";
import { colored } from "../text/print.ts";
import { fit } from "../text/table.ts";

/** The order of the rows. */
type SortKey = "cpu" | "memory" | "pids" | "name";

/** The order that each key sets. */
const SORT_KEYS: Readonly<Record<string, SortKey>> = {
  c: "cpu",
  m: "memory",
  p: "pids",
  n: "name",
};

/** How far each key scrolls, in rows; pages are of this many. */
const SCROLL_KEYS: Readonly<Record<string, number>> = {
  "\x1b[A": -1,
  "\x1bOA": -1,
  k: -1,
  "\x1b[B": 1,
  "\x1bOB": 1,
  j: 1,
  "\x1b[5~": -10,
  "\x1b[6~": 10,
};

const CTRL_C = "\x03";
const FOOTER = "c CPU  m memory  p PIDs  n name  ↑↓ scroll  q quit";

/** Rows around the table's body: title, a blank, the table's header, a blank, the footer. */
const FRAME = 5;

/** The screen of `berth top`, in the order and at the place that its keys have set. */
export class TopScreen {
  #sort: SortKey = "cpu";
  #offset = 0;

  /** Takes the keys that were typed. Returns `quit` if one of them means to leave. */
  type(text: string): "quit" | "stay" {
    // deno-lint-ignore no-control-regex -- cursor keys are escape sequences
    for (const key of text.match(/\x1b[[O][0-9]*[A-Z~]|./gsu) ?? []) {
      if (key === "q" || key === CTRL_C) return "quit";
      this.#sort = SORT_KEYS[key] ?? this.#sort;
      this.#offset = Math.max(0, this.#offset + (SCROLL_KEYS[key] ?? 0));
    }
    return "stay";
  }

  /** Returns the text that draws the screen, from its first cell on. */
  draw(
    usages: readonly Usage[],
    states: ReadonlyMap<string, string>,
    { columns, rows }: { readonly columns: number; readonly rows: number },
    now: Date,
  ): string {
    const sorted = usages.map((usage) => ({ ...usage, status: states.get(usage.id) ?? "" }))
      .toSorted((a, b) => compare(this.#sort, a, b));
    const room = Math.max(1, rows - FRAME);
    this.#offset = Math.min(this.#offset, Math.max(0, sorted.length - room));
    const [header = "", ...body] = usageTable(sorted, columns);
    const time = now.toTimeString().slice(0, 8);
    const shown = body.slice(this.#offset, this.#offset + room);
    const lines = [
      fit(title(usages, states), columns),
      "",
      header,
      ...shown,
      ...Array.from({ length: room - shown.length }, () => ""),
      "",
      colored(fit(`${FOOTER}   by ${this.#sort}   ${time}`, columns), "dim"),
    ].slice(0, rows);
    // In raw mode a line feed does not return the carriage.
    return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`;
  }
}

function title(usages: readonly Usage[], states: ReadonlyMap<string, string>): string {
  const count = (wanted: string) => [...states.values()].filter((one) => one === wanted).length;
  const counts = ["running", "paused", "created", "stopped"]
    .map((status) => [count(status), status] as const)
    .filter(([number, status]) => number > 0 || status === "running");
  const total = (value: (usage: Usage) => number | undefined) =>
    usages.reduce((sum, usage) => sum + (value(usage) ?? 0), 0);
  return [
    `berth: ${counts.map(([number, status]) => `${number} ${status}`).join(", ")} `,
    `CPU ${total((usage) => usage.cpuPercent).toFixed(1)}%`,
    `MEM ${formatBytes(total((usage) => usage.memoryBytes))}`,
    `PIDS ${total((usage) => usage.pids)}`,
  ].join("  ");
}

/** Compares usages: the most first, names in their order. Equal ones go by name, so that rows do not jump. */
function compare(key: SortKey, a: Usage, b: Usage): number {
  const most = (value: (usage: Usage) => number | undefined) => (value(b) ?? 0) - (value(a) ?? 0);
  const by = {
    cpu: () => most((usage) => usage.cpuPercent),
    memory: () => most((usage) => usage.memoryBytes),
    pids: () => most((usage) => usage.pids),
    name: () => 0,
  };
  return by[key]() || a.id.localeCompare(b.id);
}
