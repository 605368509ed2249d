// SPDX-License-Identifier: MIT
// Prints to standard output and error, also where their reader has gone.
import { errorLine } from "./format.ts";
import { stringifyJson } from "../../rpc/json.ts";

/** 128 + SIGPIPE: what becomes of a program whose output has no reader any more. */
const EXIT_UNREAD = 141;

/**
 * Prints a line to standard output. Ends the process when that has no reader any more, as in
 * `berth events | head -1`; `console.log` would go on in silence.
 */
export function print(line: string): void {
  printRaw(`${line}\n`);
}

/** Prints text without adding a newline. */
export function printRaw(text: string): void {
  try {
    writeAllSync(Deno.stdout, text);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) exitUnread();
    throw new Error(`cannot write standard output: ${errorLine(error)}`, { cause: error });
  }
}

/** Writes everything. Throws `BrokenPipe` if there is no reader any more. */
function writeAllSync(file: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    try {
      done += file.writeSync(bytes.subarray(done));
    } catch (error) {
      // Another process that shares the pipe may have made it non-blocking: wait for its reader.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Ends the process, whose standard output has no reader any more. */
export function exitUnread(): never {
  Deno.exit(EXIT_UNREAD);
}

/** Prints a value for programs: JSON in one line. */
export function printJson(value: unknown): void {
  print(stringifyJson(value));
}

/** Prints a line to standard error; in vain where that cannot be written. */
export function printStderr(line: string): void {
  try {
    writeAllSync(Deno.stderr, `${line}\n`);
  } catch {
    // Nowhere is left to tell it. The exit status still says that something was wrong.
  }
}

/** Prints an error to standard error in one line. */
export function printError(error: unknown): void {
  const name = Deno.stderr.isTerminal() && !Deno.noColor ? "\x1b[31mberth:\x1b[0m" : "berth:";
  printStderr(`${name} ${errorLine(error)}`);
}

/** Returns the size of the screen that standard output is, undefined where it is none. */
export function screenSize(): { columns: number; rows: number } | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined;
}

/** Returns the columns of the screen that standard output is, undefined where it is none. */
export function screenWidth(): number | undefined {
  return screenSize()?.columns;
}

/** Colors and weights of text. */
export type Color = "bold" | "red" | "dim";

const CODES: Readonly<Record<Color, number>> = { bold: 1, red: 31, dim: 2 };

/** Makes the header of a table bold. */
export function boldHeader(text: string, row: number): string {
  return row < 0 ? colored(text, "bold") : text;
}

/** Returns the text in a color if standard output is a terminal and NO_COLOR is not set. */
export function colored(text: string, color: Color): string {
  if (!Deno.stdout.isTerminal() || Deno.noColor) return text;
  return `\x1b[${CODES[color]}m${text}\x1b[0m`;
}
