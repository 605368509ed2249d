// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import { after } from "../linux/event_loop/timer.ts";
import { trimMemory } from "../linux/libc/trim_memory.ts";

/** How long after the last start of a container the memory is trimmed, in milliseconds. */
const QUIET_MS = 2000;

/**
 * Trims the memory of a shim once it has started its containers. What it was started with and what the
 * starts took is mostly garbage then, a megabyte or more, and V8 would keep that for as long as nothing
 * else happens. A container that is deleted before costs no time for this.
 */
export class MemoryTrim implements Disposable {
  #timer: Disposable | undefined;

  /** Trims the memory in two seconds, unless this is called again before. */
  later(): void {
    this[Symbol.dispose]();
    this.#timer = after(QUIET_MS, () => {
      failpoint("shim.trims");
      trimMemory();
    });
  }

  /** Does not trim the memory after all. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
