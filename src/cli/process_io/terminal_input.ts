// SPDX-License-Identifier: MIT
import type { Sink } from "./output.ts";

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
