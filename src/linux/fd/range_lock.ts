// SPDX-License-Identifier: MIT
import { EACCES, EAGAIN, isErrno } from "../libc/errno.ts";
import { lazyLibc, retry } from "../libc/libc.ts";
import { O_RDWR, OwnedFd } from "./fd.ts";

const libc = lazyLibc({
  fcntl: {
    parameters: [/* int fd */ "i32", /* int op */ "i32", /* struct flock * */ "buffer"],
    result: "i32",
  },
});

// include/uapi/linux/fcntl.h, include/uapi/asm-generic/fcntl.h
const F_OFD_SETLK = 37, F_WRLCK = 1;

/** The size of `struct flock` on 64-bit machines, and the offsets of two members. */
const FLOCK_SIZE = 32, START_OFFSET = 8, LENGTH_OFFSET = 16;

/**
 * A lock on one byte of a file, which need not have that byte (fcntl(2), "Open file description locks").
 * Other bytes are others' to lock. It changes nothing in the file, and goes with the process.
 */
export class RangeLock implements Disposable {
  readonly #file: OwnedFd;

  private constructor(file: OwnedFd) {
    this.#file = file;
  }

  /**
   * Returns the lock on the byte `at` of a file; `undefined` when it is held already, also by this process.
   *
   * @throws {LinuxError} if the file cannot be opened for writing; ENOLCK.
   */
  static tryLock(path: string, at: bigint): RangeLock | undefined {
    using file = OwnedFd.open(path, O_RDWR);
    const flock = new Uint8Array(FLOCK_SIZE);
    const view = new DataView(flock.buffer);
    view.setInt16(0, F_WRLCK, true);
    view.setBigInt64(START_OFFSET, at, true);
    view.setBigInt64(LENGTH_OFFSET, 1n, true);
    try {
      retry(() => libc().fcntl(file.fd, F_OFD_SETLK, flock), "fcntl", path);
    } catch (error) {
      if (isErrno(error, EAGAIN, EACCES)) return undefined;
      throw error;
    }
    return new RangeLock(new OwnedFd(file.release()));
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
