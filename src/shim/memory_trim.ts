// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import { after } from "../linux/event_loop/timer.ts";
import { trimMemory } from "../linux/libc/trim_memory.ts";

/** How long after the last start of a container, or after many calls, the memory is trimmed, in milliseconds. */
const QUIET_MS = 2000;

/** So many calls leave some megabytes. */
const MANY_CALLS = 1000;

/**
 * Trims the memory of a shim once it has started its containers. What it was started with and what the
 * starts took is mostly garbage then, a megabyte or more, and V8 would keep that for as long as nothing
 * else happens. So it is with what many calls have left. A container that is deleted before costs no time
 * for this.
 */
export class MemoryTrim implements Disposable {
  #timer: Disposable | undefined;
  #calls = 0;

  /** Trims the memory in two seconds, unless this is called again before. */
  later(): void {
    this[Symbol.dispose]();
    this.#timer = after(QUIET_MS, () => {
      failpoint("shim.trims");
      trimMemory();
    });
  }

  /** Counts a call: after many of them the memory is trimmed. */
  called(): void {
    if (++this.#calls % MANY_CALLS === 0) this.later();
  }

  /** Does not trim the memory after all. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
