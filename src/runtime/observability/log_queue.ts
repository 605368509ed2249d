// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";

/** The most that is kept of a log without a reader, in bytes. */
const MOST_BYTES = 256 * 1024;

/** How often the queue is tried again, in milliseconds. */
const RETRY = 100;

/** How long the last lines wait for a reader at the end, in milliseconds. */
const LAST_GRACE = 500;

/** Where a {@linkcode LogQueue} writes, and the line in place of those that it drops. */
export interface LogQueueOptions {
  /** Writes as many bytes as there is room for, without waiting. Returns their number. */
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => number;
  /** The line that stands in the log in the place of so many that could not be written. */
  readonly dropped: (count: number) => Uint8Array<ArrayBuffer>;
}

interface Entry {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many lines are lost with it: one, or all those in whose place it stands. */
  readonly lines: number;
}

/**
 * The lines of a log on their way to its reader. When that stops reading they are kept up to a
 * bound, then dropped and counted: the daemon never waits for the reader of its log.
 */
export class LogQueue implements AsyncDisposable {
  readonly #options: LogQueueOptions;
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Writes with `options.write`. */
  constructor(options: LogQueueOptions) {
    this.#options = options;
  }

  /** Adds a line, including its line feed. */
  add(line: Uint8Array<ArrayBuffer>): void {
    this.#flush();
    if (this.#bytes > 0 && this.#bytes + line.length > MOST_BYTES) {
      this.#dropped++;
    } else {
      this.#tellDropped();
      this.#push({ bytes: line, lines: 1 });
      this.#flush();
    }
    this.#retryLater();
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes.length;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#push({ bytes: this.#options.dropped(this.#dropped), lines: this.#dropped });
    this.#dropped = 0;
  }

  #flush(): void {
    for (let entry; (entry = this.#entries[0]) !== undefined;) {
      const { bytes, lines } = entry;
      let count: number;
      try {
        count = this.#options.write(bytes);
      } catch {
        // Nowhere is left to say why; a later line tells how many.
        this.#dropped += this.#entries.reduce((sum, each) => sum + each.lines, 0);
        this.#entries.length = 0;
        this.#bytes = 0;
        return;
      }
      this.#bytes -= count;
      if (count < bytes.length) {
        this.#entries[0] = { bytes: bytes.subarray(count), lines };
        return;
      }
      this.#entries.shift();
    }
  }

  #retryLater(): void {
    if (this.#bytes === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
      if (this.#bytes === 0) {
        this.#tellDropped();
        this.#flush();
      }
      this.#retryLater();
    }, RETRY);
    Deno.unrefTimer(this.#timer);
  }

  /** Waits a moment for a slow reader to read the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    for (const end = performance.now() + LAST_GRACE; performance.now() < end;) {
      this.#flush();
      if (this.#bytes === 0) return;
      await sleep(RETRY / 10);
    }
  }
}
