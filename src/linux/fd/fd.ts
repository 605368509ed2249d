// SPDX-License-Identifier: MIT
// File descriptors: the system calls that open, read, write, copy and close them.
import { EAGAIN, EBADF, EIO, isErrno, LinuxError } from "../libc/errno.ts";
import { check, cstring, errno, lazyLibc, retry } from "../libc/libc.ts";

const libc = lazyLibc({
  open: {
    parameters: [/* const char *path */ "buffer", /* int flags */ "i32", /* mode_t mode */ "u32"],
    result: "i32",
  },
  close: { parameters: [/* int fd */ "i32"], result: "i32" },
  read: {
    parameters: [/* int fd */ "i32", /* void *buf */ "buffer", /* size_t count */ "usize"],
    result: "isize",
  },
  write: {
    parameters: [/* int fd */ "i32", /* const void *buf */ "buffer", /* size_t count */ "usize"],
    result: "isize",
  },
});

const moreLibc = lazyLibc({
  pread: {
    parameters: [
      /* int fd */ "i32",
      /* void *buf */ "buffer",
      /* size_t count */ "usize",
      /* off_t offset */ "i64",
    ],
    result: "isize",
  },
  dup3: {
    parameters: [/* int oldfd */ "i32", /* int newfd */ "i32", /* int flags */ "i32"],
    result: "i32",
  },
  fcntl: {
    parameters: [/* int fd */ "i32", /* int op */ "i32", /* int arg */ "i32"],
    result: "i32",
  },
  pipe2: { parameters: [/* int pipefd[2] */ "buffer", /* int flags */ "i32"], result: "i32" },
  memfd_create: {
    parameters: [/* const char *name */ "buffer", /* unsigned int flags */ "u32"],
    result: "i32",
  },
});

const arm = Deno.build.arch === "aarch64";

/** open(2) flags: include/uapi/asm-generic/fcntl.h, with arm64's own O_DIRECTORY and O_NOFOLLOW. */
export const O_RDONLY = 0,
  O_WRONLY = 1,
  O_RDWR = 2,
  O_CREAT = 0o100,
  O_EXCL = 0o200,
  O_NOCTTY = 0o400,
  O_APPEND = 0o2000,
  O_NONBLOCK = 0o4000,
  O_DIRECTORY = arm ? 0o40000 : 0o200000,
  O_NOFOLLOW = arm ? 0o100000 : 0o400000,
  O_CLOEXEC = 0o2000000,
  O_PATH = 0o10000000;

// fcntl(2) operations, include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h.
const F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031;
const FD_CLOEXEC = 1;
const MFD_CLOEXEC = 1;

/**
 * Opens a file, open(2), always with O_CLOEXEC: a child is given its fds by spawn. A FIFO opened
 * without O_NONBLOCK stops the whole process until the other end is there.
 *
 * @throws LinuxError
 */
export function open(path: string, flags: number, mode = 0o600): number {
  const name = cstring(path);
  return retry(() => libc().open(name, flags | O_CLOEXEC, mode), "open", path);
}

/**
 * Closes an fd, close(2). Never retried: on Linux the fd is gone even after EINTR.
 *
 * @throws LinuxError EBADF, which is a bug of the caller: another owner's fd was nearly closed
 */
export function close(fd: number): void {
  // deno-lint-ignore berth-ffi/errno -- the call cannot be made again
  if (libc().close(fd) === -1) throw new LinuxError(errno(), "close", `fd ${fd}`);
}

/**
 * Reads into `buffer`, read(2). Returns the number of bytes, 0 at the end of the file.
 *
 * @throws LinuxError EAGAIN when nothing is there and the fd is O_NONBLOCK; EIO from a pty master
 *   whose last slave is closed; …
 */
export function read(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return retry(() => Number(libc().read(fd, buffer, BigInt(buffer.length))), "read", `fd ${fd}`);
}

/**
 * Reads from an O_NONBLOCK fd as much as is there: undefined if nothing is yet, 0 at the end, for
 * which EIO stands where the fd is a pty's master.
 *
 * @throws LinuxError
 */
export function readAvailable(fd: number, buffer: Uint8Array<ArrayBuffer>): number | undefined {
  try {
    return read(fd, buffer);
  } catch (error) {
    if (isErrno(error, EAGAIN)) return undefined;
    if (isErrno(error, EIO)) return 0;
    throw error;
  }
}

/**
 * Writes, write(2). Returns the number of bytes that were taken, which may be fewer than given.
 *
 * @throws LinuxError EAGAIN when nothing fits and the fd is O_NONBLOCK; EPIPE without a reader; …
 */
export function write(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return retry(() => Number(libc().write(fd, buffer, BigInt(buffer.length))), "write", `fd ${fd}`);
}

/**
 * Writes all of `bytes`, by as many calls of write(2) as it takes.
 *
 * @throws LinuxError as {@linkcode write}
 */
export function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(write(fd, rest));
}

/**
 * Makes `to` a copy of `from`, as dup2(2) does, except that fds above 2 get CLOEXEC: only stdio is
 * meant to be inherited.
 *
 * @throws LinuxError
 */
export function dup2(from: number, to: number): void {
  // dup3(2) does not take equal fds; then only the flag is left to set.
  if (from === to) {
    check(() => moreLibc().fcntl(to, F_SETFD, to > 2 ? FD_CLOEXEC : 0), "fcntl", `fd ${to}`);
  } else {
    const flags = to > 2 ? O_CLOEXEC : 0;
    retry(() => moreLibc().dup3(from, to, flags), "dup2", `fd ${from} to ${to}`);
  }
}

/**
 * Returns a copy of `fd` with the lowest free number from `min` on, CLOEXEC.
 *
 * @throws LinuxError
 */
export function dup(fd: number, min = 3): number {
  return check(
    () => moreLibc().fcntl(fd, F_DUPFD_CLOEXEC, min),
    "fcntl",
    `F_DUPFD_CLOEXEC of fd ${fd}`,
  );
}

/**
 * Sets or clears O_NONBLOCK. The flag belongs to the open file, not to the fd: each process that
 * shares the file (a container given a copy) sees the change.
 *
 * @throws LinuxError
 */
export function setNonblocking(fd: number, on: boolean): void {
  const flags = check(() => moreLibc().fcntl(fd, F_GETFL, 0), "fcntl", `F_GETFL of fd ${fd}`);
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) {
    check(() => moreLibc().fcntl(fd, F_SETFL, wanted), "fcntl", `F_SETFL of fd ${fd}`);
  }
}

/**
 * Sets how many bytes the pipe or FIFO of `fd` holds; rounded up to a power of two of pages. Without
 * CAP_SYS_RESOURCE the pipes of a user are limited (pipe(7), pipe-user-pages-soft).
 *
 * @throws LinuxError EPERM, EBUSY, …
 */
export function setPipeSize(fd: number, size: number): void {
  check(() => moreLibc().fcntl(fd, F_SETPIPE_SZ, size), "fcntl", `F_SETPIPE_SZ of fd ${fd}`);
}

/**
 * Makes every fd above 2 CLOEXEC: the parent may have left this process others, which must
 * not reach its children (a container could write through them).
 *
 * @throws LinuxError
 */
export function closeOnExecAll(): void {
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd <= 2) continue;
    try {
      check(() => moreLibc().fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl", `F_SETFD of fd ${fd}`);
    } catch (error) {
      // The directory's own fd, closed meanwhile.
      if (!isErrno(error, EBADF)) throw error;
    }
  }
}

/**
 * Makes a pipe, pipe2(2), always CLOEXEC; `flags` may add O_NONBLOCK.
 *
 * @throws LinuxError
 */
export function pipe2(flags = 0): { read: number; write: number } {
  const fds = new Int32Array(2);
  check(() => moreLibc().pipe2(new Uint8Array(fds.buffer), flags | O_CLOEXEC), "pipe2");
  const [readEnd = -1, writeEnd = -1] = fds;
  return { read: readEnd, write: writeEnd };
}

/**
 * Makes an anonymous file in memory, memfd_create(2), CLOEXEC, for a child's output of unknown
 * length.
 *
 * @throws LinuxError
 */
export function memfd(name: string): number {
  return check(() => moreLibc().memfd_create(cstring(name), MFD_CLOEXEC), "memfd_create", name);
}

/**
 * Returns everything in a regular file or memfd from byte `from` on, wherever its offset stands.
 *
 * @throws LinuxError
 */
export function preadAll(fd: number, from = 0): Uint8Array<ArrayBuffer> {
  let buffer = new Uint8Array(4096);
  let length = 0;
  for (;;) {
    if (length === buffer.length) {
      const larger = new Uint8Array(length * 4);
      larger.set(buffer);
      buffer = larger;
    }
    const rest = buffer.subarray(length);
    const at = from + length;
    const count = retry(
      () => Number(moreLibc().pread(fd, rest, BigInt(rest.length), BigInt(at))),
      "pread",
      `fd ${fd}`,
    );
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
}

/**
 * Returns the text in a regular file or memfd from byte `from` on, without white space around it.
 *
 * @throws LinuxError
 */
export function preadText(fd: number, from = 0): string {
  return new TextDecoder().decode(preadAll(fd, from)).trim();
}

/**
 * Returns the path by which this process reaches what `fd` holds, whatever its own path has become.
 */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** An fd that is closed at the end of its scope. */
export class OwnedFd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** {@linkcode open}, owned. */
  static open(path: string, flags: number, mode?: number): OwnedFd {
    return new OwnedFd(open(path, flags, mode));
  }

  /** The fd's number; -1 once closed or released. */
  get fd(): number {
    return this.#fd;
  }

  /** Gives the fd away: it will not be closed here. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== -1) close(this.release());
  }
}
