// SPDX-License-Identifier: MIT
import {
  close,
  O_NONBLOCK,
  O_RDONLY,
  open,
  readAvailable,
  setPipeSize,
} from "../../linux/fd/fd.ts";
import { EPERM, isErrno } from "../../linux/libc/errno.ts";
import type { Poller } from "../../linux/fd/poller.ts";

/** The smallest and the largest buffer of a FIFO, in bytes: the most that a killed shim loses. */
const SMALL = 4096, LARGE = 64 * 1024;

/** Size of a FIFO, in bytes: the larger, the less often a busy one wakes its reader. */
const CAPACITY = 256 * 1024;

/** How many reads in a row may go without letting anything else in this process run. */
const BURST = 32;

/** The most that is drained, in bytes; more than a FIFO holds was written meanwhile. */
const MOST_AT_ONCE = 2 * CAPACITY;

/**
 * Takes bytes that were read. Returns undefined when it is done with them, else a promise of that.
 */
export type FifoSink = (bytes: Uint8Array<ArrayBuffer>) => Promise<void> | undefined;

/**
 * Reads a FIFO to its end and hands what comes to a sink. While the sink is not done nothing is read,
 * so that the writer waits in the end.
 */
export class FifoSource implements Disposable {
  readonly #poller: Poller;
  readonly #sink: FifoSink;
  #fd: number;
  #buffer = new Uint8Array(SMALL);
  #readiness: Disposable | undefined;
  /** Whether the sink still has what was read last. */
  #waiting = false;

  /**
   * Opens the FIFO at `path`, which a writer should have open: the source ends when none has.
   *
   * @throws {LinuxError} ENOENT, …
   */
  constructor(path: string, poller: Poller, sink: FifoSink) {
    this.#poller = poller;
    this.#sink = sink;
    this.#fd = open(path, O_RDONLY | O_NONBLOCK);
    enlarge(this.#fd);
  }

  /** Begins to read. */
  start(): void {
    if (this.#fd < 0 || this.#waiting) return;
    this.#readiness = this.#poller.add(this.#fd, () => this.#readBurst());
  }

  /** Reads what is there now, without waiting. */
  drain(): void {
    for (let left = MOST_AT_ONCE; left > 0 && this.#fd >= 0 && !this.#waiting;) {
      const count = this.#read();
      if (count === 0) return;
      left -= count;
    }
  }

  /** Ends the reading. What is left in the FIFO is lost, once no other process has it open. */
  [Symbol.dispose](): void {
    this.#pause();
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  #pause(): void {
    this.#readiness?.[Symbol.dispose]();
    this.#readiness = undefined;
  }

  #readBurst(): void {
    for (let reads = 0; reads < BURST && this.#fd >= 0 && !this.#waiting; reads++) {
      if (this.#read() === 0) return;
    }
  }

  /** Reads once; returns how many bytes came, 0 where there are none. */
  #read(): number {
    const count = readAvailable(this.#fd, this.#buffer);
    if (count === undefined) return 0;
    if (count === 0) {
      this[Symbol.dispose]();
      return 0;
    }
    const pending = this.#sink(this.#buffer.subarray(0, count));
    if (pending !== undefined) this.#wait(pending);
    else if (count === this.#buffer.length && count < LARGE) this.#buffer = new Uint8Array(LARGE);
    return count;
  }

  #wait(pending: Promise<void>): void {
    this.#waiting = true;
    this.#pause();
    const goOn = () => {
      this.#waiting = false;
      this.start();
    };
    pending.then(goOn, goOn);
  }
}

function enlarge(fd: number): void {
  try {
    setPipeSize(fd, CAPACITY);
  } catch (error) {
    // Pipes of this user hold too much already: it stays as it is.
    if (!isErrno(error, EPERM)) throw error;
  }
}
