// SPDX-License-Identifier: MIT
import { setRaw } from "../../linux/pty.ts";

/** Standard input's fd. */
const STDIN = 0;

/**
 * Standard input in raw mode: keys go on as they are typed, without echo, and output is not touched.
 * The terminal is put back when this is disposed of, and at the latest when the process unloads, so
 * that neither an exception nor `Deno.exit` leaves it raw.
 */
export class RawTerminal implements Disposable {
  #mode: Disposable | undefined;
  readonly #again: () => void;
  readonly #onUnload = () => this[Symbol.dispose]();

  private constructor() {
    this.#mode = setRaw(STDIN);
    // A shell that had this command stopped has set its own mode meanwhile.
    this.#again = () => {
      if (this.#mode) setRaw(STDIN);
    };
    Deno.addSignalListener("SIGCONT", this.#again);
    globalThis.addEventListener("unload", this.#onUnload);
  }

  /** Puts standard input, which must be a terminal, in raw mode. */
  static enter(): RawTerminal {
    return new RawTerminal();
  }

  [Symbol.dispose](): void {
    this.#mode?.[Symbol.dispose]();
    this.#mode = undefined;
    Deno.removeSignalListener("SIGCONT", this.#again);
    globalThis.removeEventListener("unload", this.#onUnload);
  }
}
