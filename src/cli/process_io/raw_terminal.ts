// SPDX-License-Identifier: MIT
import { setRaw } from "../../linux/fd/pty.ts";

/** Standard input's fd. */
const STDIN = 0;

/** One of these events comes before the end of the process, but for SIGKILL. */
const LAST_EVENTS = ["unload", "error", "unhandledrejection"] as const;

/**
 * Standard input in raw mode: keys go on as they are typed, without echo, and output is not touched.
 * The terminal is put back when this is disposed of, and at the latest when the process ends, so
 * that neither an exception nor `Deno.exit` leaves it raw.
 */
export class RawTerminal implements Disposable {
  #mode: Disposable | undefined;
  readonly #again: () => void;
  readonly #atEnd = () => this[Symbol.dispose]();

  private constructor() {
    this.#mode = setRaw(STDIN);
    // A shell that had this command stopped has set its own mode meanwhile.
    this.#again = () => {
      if (this.#mode) setRaw(STDIN);
    };
    Deno.addSignalListener("SIGCONT", this.#again);
    for (const event of LAST_EVENTS) globalThis.addEventListener(event, this.#atEnd);
  }

  /** Puts standard input, which must be a terminal, in raw mode. */
  static enter(): RawTerminal {
    return new RawTerminal();
  }

  [Symbol.dispose](): void {
    this.#mode?.[Symbol.dispose]();
    this.#mode = undefined;
    Deno.removeSignalListener("SIGCONT", this.#again);
    for (const event of LAST_EVENTS) globalThis.removeEventListener(event, this.#atEnd);
  }
}
