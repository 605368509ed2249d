// SPDX-License-Identifier: MIT
// Copies the caller's input to a process.
import { CliError } from "../common/exit_status.ts";
import { errorLine } from "../text/format.ts";
import type { DetachKeys } from "./detach_keys.ts";
import { type Sink, writeToSink } from "./output.ts";

/** How the copying of input ended. */
export type InputEnd =
  /** The caller's input is over; the process should see that. */
  | "eof"
  /** The keys to detach were typed. */
  | "detached"
  /** The process does not read any more. */
  | "process-stopped-reading";

/** Where input comes from: standard input of this process. */
export interface InputSource {
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Copies the caller's input to the process until one side ends it, or the keys to detach come. */
export async function copyInput(
  from: InputSource,
  to: Sink,
  keys: DetachKeys | undefined,
): Promise<InputEnd> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    while (true) {
      const length = await readInput(from, buffer);
      if (length === null) {
        if (keys) await writeToSink(to, keys.rest());
        return "eof";
      }
      const bytes = buffer.subarray(0, length);
      const typed = keys?.feed(bytes);
      await writeToSink(to, typed?.forward ?? bytes);
      if (typed?.detached) return "detached";
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return "process-stopped-reading";
    throw error;
  }
}

async function readInput(from: InputSource, buffer: Uint8Array): Promise<number | null> {
  try {
    return await from.read(buffer);
  } catch (error) {
    throw new CliError(`cannot read standard input: ${errorLine(error)}`, { cause: error });
  }
}

/** The character that ends the input of a terminal (VEOF of termios(3)). */
const END_OF_TRANSMISSION = 4;
const NEWLINE = 10;

/** Input to a process's terminal, which keeps in mind how it can be ended. */
export class TerminalInput implements Sink {
  readonly #to: Sink;
  #last = NEWLINE;

  /** Passes everything on to `to`. */
  constructor(to: Sink) {
    this.#to = to;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const count = await this.#to.write(bytes);
    this.#last = bytes[count - 1] ?? this.#last;
    return count;
  }

  /**
   * Returns the bytes that end the input. At the beginning of a line one VEOF does; in the middle of one the
   * first only hands over what there is of it (termios(3), canonical mode), and a second one is the
   * end.
   */
  end(): Uint8Array<ArrayBuffer> {
    return this.#last === NEWLINE || this.#last === END_OF_TRANSMISSION
      ? Uint8Array.of(END_OF_TRANSMISSION)
      : Uint8Array.of(END_OF_TRANSMISSION, END_OF_TRANSMISSION);
  }
}
