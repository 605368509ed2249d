// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { trimMemory } from "../../linux/libc/trim_memory.ts";
import type { DaemonHooks } from "../observability/hooks.ts";

/** Number of calls and events that leave some megabytes of garbage. */
const MUCH = 2000;

/** The daemon is idle when so little happens in {@linkcode QUIET_MS}: somebody may look now and then. */
const LITTLE = 20;

/** How long the daemon has to be idle, in milliseconds. */
const QUIET_MS = 10_000;

/** What {@linkcode IdleTrim} may be given by a test. */
export interface IdleTrimOptions {
  /** How long the daemon has to be idle, in milliseconds. */
  readonly quietMs?: number;
  /** Gives the memory back. */
  readonly trim?: () => void;
}

/**
 * Trims the daemon's memory when it is idle after much work: some 40 MB can be garbage then, which V8
 * would keep for as long as little happens. No timer runs in a daemon that has done little. A trim takes
 * some 50 ms.
 */
export class IdleTrim implements Disposable {
  readonly #quietMs: number;
  readonly #trim: () => void;
  #done = 0;
  #doneBefore = 0;
  #timer: Disposable | undefined;

  constructor({ quietMs = QUIET_MS, trim = trimMemory }: IdleTrimOptions = {}) {
    this.#quietMs = quietMs;
    this.#trim = trim;
  }

  /** Counts calls and events. */
  readonly hooks: Partial<DaemonHooks> = { event: () => this.#count(), rpc: () => this.#count() };

  /** Trims no more. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #count(): void {
    if (++this.#done >= MUCH && this.#timer === undefined) this.#wait();
  }

  #wait(): void {
    this.#doneBefore = this.#done;
    this.#timer = after(this.#quietMs, () => {
      if (this.#done - this.#doneBefore > LITTLE) return this.#wait();
      this.#timer = undefined;
      this.#done = 0;
      this.#trim();
    });
  }
}
