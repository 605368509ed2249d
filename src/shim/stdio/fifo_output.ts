// SPDX-License-Identifier: MIT
import { EAGAIN, isErrno } from "../../linux/libc/errno.ts";
import { close, O_NONBLOCK, O_RDWR, open, write } from "../../linux/fd/fd.ts";
import { hasRoom } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import { FifoKeepalive } from "./fifo_keepalive.ts";
import { checkFifo } from "./fd_stdio.ts";
import { openOutputFile, openTargetFile } from "./output_file.ts";
import type { TerminalOutput } from "./terminal_output.ts";

/** The output that is taken over at an exit at most, in bytes: as much as a FIFO has room for. */
const MOST_AT_EXIT = 64 * 1024;

/** Output of a terminal that goes to a FIFO, to a file, or nowhere. */
export class FifoOutput implements TerminalOutput {
  readonly #poller: Poller;
  #fd: number;
  /** Keeps what is unread for a reader that comes after the end; only for a FIFO. */
  readonly #held: FifoKeepalive | undefined;

  private constructor(poller: Poller, fd: number, held: FifoKeepalive | undefined) {
    this.#poller = poller;
    this.#fd = fd;
    this.#held = held;
  }

  /**
   * Opens a stdout target.
   *
   * @throws {InvalidParamsError} if there is no FIFO at the path.
   */
  static open(target: string, poller: Poller): FifoOutput {
    if (target === "") return new FifoOutput(poller, -1, undefined);
    const file = filePath(target);
    if (file !== undefined) {
      return new FifoOutput(
        poller,
        openTargetFile("stdout", () => openOutputFile(file)),
        undefined,
      );
    }
    checkFifo("stdout", target);
    // Open for reading too, so that writing goes on (until it is full) while no reader is there.
    const fd = open(target, O_RDWR | O_NONBLOCK);
    try {
      return new FifoOutput(poller, fd, new FifoKeepalive(target, poller));
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  async write(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < bytes.length && this.#fd >= 0;) {
      try {
        at += write(this.#fd, bytes.subarray(at));
      } catch (error) {
        if (!isErrno(error, EAGAIN)) throw error;
        await this.#poller.wait(this.#fd, "writable", { signal });
      }
    }
  }

  takeAtExit(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void {
    // More than there is room for waits in the terminal for a reader, as all output does. The most that
    // is taken is what bounds it while another process goes on writing.
    for (let left = MOST_AT_EXIT; left > 0 && this.#fd >= 0 && hasRoom(this.#fd);) {
      const count = readNext();
      if (!count) return;
      left -= count;
      write(this.#fd, buffer.subarray(0, count));
    }
  }

  drain(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#fd < 0) return;
    try {
      for (let count = readNext(); count; count = readNext()) {
        if (write(this.#fd, buffer.subarray(0, count)) < count) return;
      }
    } catch (error) {
      // Full: it was given up on with output left, which is then lost.
      if (!isErrno(error, EAGAIN)) throw error;
    }
  }

  end(): void {
    this.#closeFd();
    this.#held?.closeOnceRead();
  }

  close(): void {
    this.#closeFd();
    this.#held?.close();
  }

  #closeFd(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}
