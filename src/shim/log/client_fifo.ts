// SPDX-License-Identifier: MIT
import { EAGAIN, EPIPE, isErrno } from "../../linux/libc/errno.ts";
import { close, O_NONBLOCK, O_RDWR, O_WRONLY, open, write } from "../../linux/fd/fd.ts";
import type { Poller } from "../../linux/fd/poller.ts";

/**
 * A client's output FIFO beside a log. It gets the output as long as a client has it open for
 * reading; a reader that is slow is waited for, and one that is gone is not.
 */
export class ClientFifo implements Disposable {
  readonly #poller: Poller;
  readonly #closed = new AbortController();
  #fd: number;

  /**
   * Opens the FIFO at `path`, with a reader or without.
   *
   * @throws {LinuxError} ENOENT, …
   */
  constructor(path: string, poller: Poller) {
    this.#poller = poller;
    // Open for both never waits (fifo(7)), and while it is open neither does the other.
    const both = open(path, O_RDWR | O_NONBLOCK);
    try {
      this.#fd = open(path, O_WRONLY | O_NONBLOCK);
    } finally {
      close(both);
    }
  }

  /**
   * Writes `bytes` as far as they are read. Returns undefined when that is done, else a promise that
   * is resolved when it is.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    const written = this.#tryWrite(bytes);
    return written === bytes.length ? undefined : this.#writeRest(bytes, written);
  }

  async #writeRest(bytes: Uint8Array<ArrayBuffer>, from: number): Promise<void> {
    const { signal } = this.#closed;
    for (let at = from; at < bytes.length && this.#fd >= 0;) {
      try {
        // A reader that leaves makes it writable, too.
        await this.#poller.wait(this.#fd, "writable", { signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      at += this.#tryWrite(bytes.subarray(at));
    }
  }

  /** Returns how many bytes are done with: all of them where there is no reader. */
  #tryWrite(bytes: Uint8Array<ArrayBuffer>): number {
    if (this.#fd < 0) return bytes.length;
    try {
      return write(this.#fd, bytes);
    } catch (error) {
      if (isErrno(error, EAGAIN)) return 0;
      if (isErrno(error, EPIPE)) return bytes.length;
      throw error;
    }
  }

  /** Closes it: a reader sees the end once it has read what is there. */
  [Symbol.dispose](): void {
    this.#closed.abort();
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}
