// SPDX-License-Identifier: MIT
import { close, O_NONBLOCK, O_RDONLY, O_WRONLY, open } from "../../linux/fd/fd.ts";
import { hasReader } from "../../linux/fd/fifo.ts";
import { openForWritingBlocking } from "../../linux/fd/fifo_open.ts";

/**
 * The shim's own writing end of a process's output FIFO. While it is open, what the process wrote
 * stays in the FIFO though the process and every reader be gone. After the exit it is closed as
 * soon as a reader is there, who then gets every byte and then the end.
 */
export class FifoKeepalive {
  #hold: number;
  /** Ends when a reader has come after the exit. */
  #reader: Promise<void> | undefined;

  private constructor(hold: number) {
    this.#hold = hold;
  }

  /**
   * Opens the FIFO at `path` for writing; somebody must have it open for reading.
   *
   * @throws {LinuxError} ENXIO without a reader.
   */
  static open(path: string): FifoKeepalive {
    return new FifoKeepalive(open(path, O_WRONLY | O_NONBLOCK));
  }

  /** The process has exited: lets go once a reader is attached. */
  exited(): void {
    if (this.#hold < 0 || this.#reader !== undefined) return;
    if (hasReader(this.#hold)) this.release();
    else this.#reader = this.#awaitReader();
  }

  /** Lets go at once. Not while waiting for a reader; see {@linkcode close}. */
  release(): void {
    if (this.#hold >= 0) close(this.#hold);
    this.#hold = -1;
  }

  /** Lets go, giving up on a reader that has not come. */
  async close(): Promise<void> {
    if (this.#reader === undefined || this.#hold < 0) {
      this.release();
      return;
    }
    // Being a reader ourselves is what ends the wait; by fd, for the path may be gone by now.
    const reading = open(this.#self, O_RDONLY | O_NONBLOCK);
    try {
      await this.#reader;
    } finally {
      close(reading);
    }
  }

  get #self(): string {
    return `/proc/self/fd/${this.#hold}`;
  }

  /** No polling: open(2) for writing returns when somebody opens the FIFO for reading. */
  async #awaitReader(): Promise<void> {
    const fd = await openForWritingBlocking(this.#self);
    if (fd >= 0) close(fd);
    this.release();
  }
}
