// SPDX-License-Identifier: MIT
import { close, O_NONBLOCK, O_WRONLY, open } from "../../linux/fd/fd.ts";
import { hasReader } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";

/**
 * The shim's own writing end of a process's output FIFO. While it is open, what the process wrote
 * stays in the FIFO though the process and every reader be gone. After the exit it is closed as
 * soon as a reader is there, which then reads every byte and then the end.
 */
export class FifoKeepalive {
  readonly #poller: Poller;
  #fd: number;
  /** Reports readers to come, after the exit. */
  #readers: Disposable | undefined;

  /**
   * Opens the FIFO at `path` for writing; a reader must have it open.
   *
   * @throws {LinuxError} ENXIO without a reader.
   */
  constructor(path: string, poller: Poller) {
    this.#fd = open(path, O_WRONLY | O_NONBLOCK);
    this.#poller = poller;
  }

  /** Closes the FIFO, of which the process has exited, once it has a reader. */
  closeOnceRead(): void {
    if (this.#fd < 0 || this.#readers !== undefined) return;
    this.#closeIfRead();
    if (this.#fd < 0) return;
    this.#readers = this.#poller.opens.add(this.#fd, () => this.#closeIfRead());
    // One that came before it was watched for.
    this.#closeIfRead();
  }

  #closeIfRead(): void {
    if (this.#fd >= 0 && hasReader(this.#fd)) this.close();
  }

  /** Closes the FIFO. Unread output is lost unless a reader has it open. */
  close(): void {
    this.#readers?.[Symbol.dispose]();
    this.#readers = undefined;
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}
