// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import { after } from "../linux/event_loop/timer.ts";
import { trimMemory } from "../linux/libc/trim_memory.ts";

/** Time from the last start of a container, or from many calls, to the trim, in milliseconds. */
const QUIET_MS = 2000;

/** Number of calls that leave some megabytes of garbage. */
const MANY_CALLS = 1000;

/**
 * Trims the memory of a shim once it has started its containers, and after many calls. A megabyte
 * or more is garbage then, which V8 would keep for as long as nothing else happens. A container
 * that is deleted before costs no time for this.
 */
export class MemoryTrim implements Disposable {
  #timer: Disposable | undefined;
  #calls = 0;

  /** Trims the memory in two seconds, unless this is called again before. */
  schedule(): void {
    this[Symbol.dispose]();
    this.#timer = after(QUIET_MS, () => {
      failpoint("shim.trims");
      trimMemory();
    });
  }

  /** Counts a call: after many of them the memory is trimmed. */
  countCall(): void {
    if (++this.#calls % MANY_CALLS === 0) this.schedule();
  }

  /** Does not trim the memory after all. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
