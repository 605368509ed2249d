// SPDX-License-Identifier: MIT
// Makes FIFOs, and finds out who reads them, what is unread, and whether they have room.
import { ifThere } from "../fs/if_there.ts";
import { ENOENT, ENXIO, isErrno } from "../libc/errno.ts";
import { check, cstring, lazyLibc, retry } from "../libc/libc.ts";
import { close, O_NONBLOCK, O_WRONLY, open } from "./fd.ts";

const libc = lazyLibc({
  mkfifo: {
    parameters: [/* const char *path */ "buffer", /* mode_t mode */ "u32"],
    result: "i32",
  },
});

const queryLibc = lazyLibc({
  poll: {
    parameters: [
      /* struct pollfd *fds */ "buffer",
      /* nfds_t nfds */ "usize",
      /* int timeout */ "i32",
    ],
    result: "i32",
  },
});

const ioctlLibc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u64", /* int *argp */ "buffer"],
    result: "i32",
  },
});

// include/uapi/asm-generic/ioctls.h
const FIONREAD = 0x541bn;

// include/uapi/asm-generic/poll.h
const POLLOUT = 0x4, POLLERR = 0x8;

/**
 * Makes a FIFO (mkfifo(3)); the umask takes from `mode`.
 *
 * @throws LinuxError EEXIST, …
 */
export function mkfifo(path: string, mode = 0o600): void {
  check(() => libc().mkfifo(cstring(path), mode), "mkfifo", path);
}

/** Returns whether `path` leads to a FIFO; false when nothing is there. */
export function isFifo(path: string): boolean {
  return ifThere(() => Deno.statSync(path).isFifo) === true;
}

/**
 * Returns whether the pipe or FIFO that `fd` writes to is open for reading anywhere (poll(2):
 * POLLERR when not). An fd opened O_RDWR counts as its own reader.
 *
 * @throws LinuxError
 */
export function hasReader(fd: number): boolean {
  // Reported unasked.
  return (conditionsOf(fd, 0) & POLLERR) === 0;
}

/**
 * Returns whether `fd` takes some output at once. A pipe or FIFO then takes 4096 bytes (PIPE_BUF,
 * pipe(7)), and a regular file any number.
 *
 * @throws LinuxError
 */
export function hasRoom(fd: number): boolean {
  return (conditionsOf(fd, POLLOUT) & POLLOUT) !== 0;
}

/**
 * Returns how many bytes are in a pipe or FIFO, of which `fd` is either end, and unread (ioctl(2):
 * FIONREAD).
 *
 * @throws LinuxError
 */
export function countUnread(fd: number): number {
  const count = new Int32Array(1);
  check(() => ioctlLibc().ioctl(fd, FIONREAD, count), "ioctl", `FIONREAD of fd ${fd}`);
  return count[0] ?? 0;
}

/** Returns what poll(2) says of an fd without waiting. */
function conditionsOf(fd: number, events: number): number {
  // struct pollfd {int fd; short events; short revents}
  const pollfd = new DataView(new ArrayBuffer(8));
  pollfd.setInt32(0, fd, true);
  pollfd.setInt16(4, events, true);
  const pollfds = new Uint8Array(pollfd.buffer);
  // Even without waiting a signal can interrupt it, which the kernel never restarts.
  retry(() => queryLibc().poll(pollfds, 1n, 0), "poll", `fd ${fd}`);
  return pollfd.getInt16(6, true);
}

/**
 * Returns whether a process has the FIFO at `path` open for reading; false where there is no FIFO
 * (any more).
 */
export function isFifoRead(path: string): boolean {
  if (!isFifo(path)) return false;
  try {
    close(open(path, O_WRONLY | O_NONBLOCK));
    return true;
  } catch (error) {
    // fifo(7): what would wait for a reader fails with ENXIO.
    if (isErrno(error, ENXIO, ENOENT)) return false;
    throw error;
  }
}
