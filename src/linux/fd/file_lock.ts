// SPDX-License-Identifier: MIT
import { EAGAIN, isErrno } from "../libc/errno.ts";
import { O_CREAT, O_DIRECTORY, O_RDWR, OwnedFd } from "./fd.ts";
import { sleep } from "../event_loop/timer.ts";
import { lazyLibc, retry } from "../libc/libc.ts";

const libc = lazyLibc({
  flock: { parameters: [/* int fd */ "i32", /* int op */ "i32"], result: "i32" },
});

// include/uapi/asm-generic/fcntl.h
const LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4;

/** How long {@linkcode FileLock.lock} waits between two tries, in milliseconds. */
const RETRY_MS = 20;

/** The kind of a {@linkcode FileLock}, and what ends the wait for it. */
export interface FileLockOptions {
  /** Several may hold the lock at a time, as long as none holds it alone. */
  readonly shared?: boolean;
  /** Whether the path is that of a directory, which is not made, so that no file is left. */
  readonly directory?: boolean;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A lock on a file (flock(2)), to have a directory to oneself. It goes with the process, however
 * that dies; the file stays, for removing it would let two hold "the" lock.
 */
export class FileLock implements Disposable {
  readonly #file: OwnedFd;

  private constructor(file: OwnedFd) {
    this.#file = file;
  }

  /**
   * Returns the lock on `path`, which is made (0600) when missing; `undefined` when the lock is held
   * already, also by this process.
   *
   * @throws LinuxError when the file cannot be opened; ENOLCK
   */
  static tryLock(path: string, options: FileLockOptions = {}): FileLock | undefined {
    const { shared, directory } = options;
    using file = OwnedFd.open(path, directory ? O_DIRECTORY : O_RDWR | O_CREAT, 0o600);
    const operation = (shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    try {
      retry(() => libc().flock(file.fd, operation), "flock", path);
    } catch (error) {
      if (isErrno(error, EAGAIN)) return undefined;
      throw error;
    }
    return new FileLock(new OwnedFd(file.release()));
  }

  /**
   * Waits until no other holder is in the way, and returns the lock on `path`.
   *
   * @throws LinuxError when the file cannot be opened; ENOLCK; the signal's reason
   */
  static async lock(path: string, options: FileLockOptions = {}): Promise<FileLock> {
    for (;;) {
      options.signal?.throwIfAborted();
      const lock = FileLock.tryLock(path, options);
      if (lock !== undefined) return lock;
      await sleep(RETRY_MS);
    }
  }

  /** The locked file, for example to write the holder's pid into it. */
  get fd(): number {
    return this.#file.fd;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
