// SPDX-License-Identifier: MIT
import { EAGAIN, isErrno } from "../libc/errno.ts";
import { O_NOCTTY, O_NONBLOCK, O_WRONLY, OwnedFd, write } from "./fd.ts";
import { lazyLibc, retry } from "../libc/libc.ts";

const libc = lazyLibc({
  send: {
    parameters: [
      /* int sockfd */ "i32",
      /* const void *buf */ "buffer",
      /* size_t len */ "usize",
      /* int flags */ "i32",
    ],
    result: "isize",
  },
});

// include/linux/socket.h
const MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;

/**
 * Writes to what an fd is connected to without ever waiting for its reader. The fd's own open file,
 * which others may share, stays as it is: a pipe or terminal is opened anew (proc(5), /proc/pid/fd),
 * a socket, which cannot be, is asked per call.
 */
export class NonblockingWriter implements Disposable {
  readonly #fd: number;
  readonly #socket: boolean;
  readonly #opened: OwnedFd | undefined;

  /** For `fd`, which has to stay open. */
  constructor(fd: number) {
    const path = `/proc/self/fd/${fd}`;
    const { isFile, isSocket } = Deno.statSync(path);
    this.#fd = fd;
    this.#socket = isSocket === true;
    if (isFile || this.#socket) return;
    try {
      this.#opened = OwnedFd.open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
      this.#fd = this.#opened.fd;
    } catch {
      // A FIFO without a reader just now, or a terminal that is gone: as good as it gets.
    }
  }

  /**
   * Writes as much of `bytes` as there is room for. Returns how much, 0 where nothing fits.
   *
   * @throws LinuxError EPIPE without a reader, ENOSPC, …
   */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    try {
      return this.#socket ? this.#send(bytes) : write(this.#fd, bytes);
    } catch (error) {
      if (isErrno(error, EAGAIN)) return 0;
      throw error;
    }
  }

  #send(bytes: Uint8Array<ArrayBuffer>): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return retry(
      () => Number(libc().send(this.#fd, bytes, BigInt(bytes.length), flags)),
      "send",
      `fd ${this.#fd}`,
    );
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
  }
}
