// SPDX-License-Identifier: MIT
import { errorLine } from "../common/exit_status.ts";

/** 128 + SIGPIPE: what becomes of a program whose output nobody reads any more. */
const EXIT_UNREAD = 141;

/**
 * Prints a line to standard output. Ends the process when nobody reads that any more, as in
 * `berth events | head -1`; `console.log` would go on in silence.
 */
export function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let done = 0; done < bytes.length;) {
    try {
      done += Deno.stdout.writeSync(bytes.subarray(done));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) Deno.exit(EXIT_UNREAD);
      // Another process that shares the pipe may have made it non-blocking: wait for its reader.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Prints a value for programs: JSON in one line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
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
