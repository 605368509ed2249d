// SPDX-License-Identifier: MIT
// What commander and logtape take from Node and berth has use for, by means of Deno alone.
import { printRaw, printStderr } from "../../../src/cli/text/print.ts";

/** Listeners by the name of their event, as `node:events` has it. */
export class EventEmitter {
  readonly #listeners = new Map<string, ((...args: unknown[]) => void)[]>();

  /** Adds a listener. */
  on(event: string, listener: (...args: unknown[]) => void): this {
    this.#listeners.set(event, [...this.#listeners.get(event) ?? [], listener]);
    return this;
  }

  /** Calls the listeners in the order in which they were added; returns whether there are any. */
  emit(event: string, ...args: unknown[]): boolean {
    const listeners = this.#listeners.get(event) ?? [];
    for (const listener of listeners) Reflect.apply(listener, this, args);
    return listeners.length > 0;
  }

  /** Returns the number of listeners. */
  listenerCount(event: string): number {
    return this.#listeners.get(event)?.length ?? 0;
  }
}

/** A stream that is written to, as far as `node:process` has it. */
class Output {
  readonly #stream: Pick<typeof Deno.stdout, "isTerminal">;
  /** Writes a text. */
  readonly write: (text: string) => void;

  constructor(stream: Pick<typeof Deno.stdout, "isTerminal">, write: (text: string) => void) {
    this.#stream = stream;
    this.write = write;
  }

  /** Whether it is a terminal. */
  get isTTY(): boolean {
    return this.#stream.isTerminal();
  }

  /** The width of the terminal, in characters. */
  get columns(): number {
    return Deno.consoleSize().columns;
  }
}

/** The variables, standard streams and exit of `node:process`. */
export const process = {
  get env(): Record<string, string> {
    return Deno.env.toObject();
  },
  exit: (status?: number): never => Deno.exit(status),
  stdout: new Output(Deno.stdout, printRaw),
  stderr: new Output(Deno.stderr, (text) => printStderr(text.replace(/\n$/, ""))),
};

/** Takes out of a text what sets colors and weights (ECMA-48, SGR), which is all that help may have. */
export function stripVTControlCharacters(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[\d;]*m/g, "");
}

/** What logtape formats values with where there is no Deno. */
export const util = { inspect: Deno.inspect };

// For programs beside the own one that are its verbs of commander, which berth has none of.
export const child_process = {};
export const fs = {};
export const path = {};
