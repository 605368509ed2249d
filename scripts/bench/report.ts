// SPDX-License-Identifier: MIT
import type { EngineName } from "./engine.ts";
import type { Row } from "./row.ts";
import { summarize } from "./statistics.ts";
import type { Summary } from "./statistics.ts";

/** A row with its samples summed up. */
export interface Result extends Omit<Row, "samples"> {
  readonly summaries: Partial<Record<EngineName, Summary>>;
  /** berth's median over that of the other. */
  readonly ratios: Partial<Record<Exclude<EngineName, "berth">, number>>;
  /** Whether the target is met; left out where there is none, or nothing to compare with. */
  readonly met?: boolean;
}

/** Sums a row up. */
export function resultOfRow(row: Row): Result {
  const { samples, ...rest } = row;
  const summaries: Partial<Record<EngineName, Summary>> = {};
  for (const name of ["berth", "containerd", "bare"] as const) {
    const list = samples[name];
    if (list !== undefined && list.length > 0) summaries[name] = summarize(list);
  }
  const berth = summaries.berth?.median;
  const ratios: { containerd?: number; bare?: number } = {};
  for (const name of ["containerd", "bare"] as const) {
    const other = summaries[name]?.median;
    // A median of 0, such as the CPU of what does nothing, has no ratio.
    if (berth !== undefined && other !== undefined && other !== 0) ratios[name] = berth / other;
  }
  const met = isMet(row, berth, ratios);
  return { ...rest, summaries, ratios, ...(met === undefined ? {} : { met }) };
}

function isMet(
  { target = {}, better }: Row,
  berth: number | undefined,
  ratios: Result["ratios"],
): boolean | undefined {
  const pairs = [
    [berth, target.absolute],
    [ratios.containerd, target.containerd],
    [ratios.bare, target.bare],
  ].filter((pair): pair is [number, number] => pair.every((value) => value !== undefined));
  if (pairs.length === 0) return undefined;
  return pairs.every(([is, wanted]) => better === "lower" ? is <= wanted : is >= wanted);
}

/** The results as a Markdown table, aligned for people who read it in a terminal. */
export function table(results: readonly Result[]): string {
  const head = ["", "berth", "containerd", "bare", "÷ containerd", "÷ bare", "target", ""];
  const lines = results.map((result) => {
    const { summaries, ratios, unit, met } = result;
    const value = (name: EngineName) => {
      const summary = summaries[name];
      return summary === undefined ? "" : `${figure(summary.median)} ${unit}`;
    };
    const ratio = (value: number | undefined) => value === undefined ? "" : value.toFixed(2);
    return [
      result.title,
      value("berth"),
      value("containerd"),
      value("bare"),
      ratio(ratios.containerd),
      ratio(ratios.bare),
      targetText(result),
      met === undefined ? "" : met ? "met" : "missed",
    ];
  });
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((line) => width(line[column])), 3));
  const format = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, column) => {
        const space = " ".repeat((widths[column] ?? 0) - width(cell));
        return isNumeric(column) ? space + cell : cell + space;
      }).join(" | ")
    } |`;
  const rule = widths.map((count, column) =>
    isNumeric(column) ? `${"-".repeat(count - 1)}:` : "-".repeat(count)
  );
  return [format(head), format(rule), ...lines.map(format)].join("\n");
}

function isNumeric(column: number): boolean {
  return column >= 1 && column <= 5;
}

function width(text = ""): number {
  return [...text].length;
}

function targetText({ target = {}, better, unit }: Pick<Result, "target" | "better" | "unit">) {
  const sign = better === "lower" ? "≤" : "≥";
  return [
    target.absolute === undefined ? "" : `${sign} ${target.absolute} ${unit}`,
    target.containerd === undefined ? "" : `${sign} ${target.containerd} × containerd`,
    target.bare === undefined ? "" : `${sign} ${target.bare} × bare`,
  ].filter((text) => text !== "").join(", ");
}

/** Three figures that matter, no more. */
function figure(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}
