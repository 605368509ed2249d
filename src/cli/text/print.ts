// SPDX-License-Identifier: MIT
import { errorLine } from "../common/exit_status.ts";

/** Prints a line to standard output. */
export function print(line: string): void {
  console.log(line);
}

/** Prints a value for programs: JSON in one line. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Says a line to the person at standard error. */
export function say(line: string): void {
  console.error(line);
}

/** Says in one line what went wrong. */
export function sayError(error: unknown): void {
  const name = Deno.stderr.isTerminal() && !Deno.noColor ? "\x1b[31mberth:\x1b[0m" : "berth:";
  console.error(`${name} ${errorLine(error)}`);
}

/** Columns of the screen that standard output is, undefined where it is none. */
export function screenWidth(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
}

/** Colours of text. */
export type Colour = "bold" | "green" | "yellow" | "red" | "dim";

const CODES: Readonly<Record<Colour, number>> = { bold: 1, green: 32, yellow: 33, red: 31, dim: 2 };

/** The text in a colour where standard output is a terminal and NO_COLOR is not set. */
export function coloured(text: string, colour: Colour): string {
  if (!Deno.stdout.isTerminal() || Deno.noColor) return text;
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
