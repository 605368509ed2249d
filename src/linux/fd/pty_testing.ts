// SPDX-License-Identifier: MIT
// Makes terminals, for tests.
import { check, lazyLibc } from "../libc/libc.ts";
import { O_NOCTTY, O_RDWR, open, OwnedFd } from "./fd.ts";

const libc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u32", /* void *arg */ "buffer"],
    result: "i32",
  },
});

// include/uapi/asm-generic/ioctls.h
const TIOCGWINSZ = 0x5413, TIOCGPTN = 0x80045430, TIOCSPTLCK = 0x40045431;

/**
 * Makes a pty: its master, CLOEXEC and blocking, and the path of its slave.
 *
 * @throws LinuxError
 */
export function openPty(): { master: number; slave: string } {
  using master = new OwnedFd(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  const number = new Int32Array(1);
  const bytes = new Uint8Array(number.buffer);
  // Unlocks it: the int is 0.
  check(() => libc().ioctl(master.fd, TIOCSPTLCK, bytes), "ioctl", "TIOCSPTLCK");
  check(() => libc().ioctl(master.fd, TIOCGPTN, bytes), "ioctl", "TIOCGPTN");
  return { master: master.release(), slave: `/dev/pts/${number[0]}` };
}

/**
 * Returns the size of a terminal in characters.
 *
 * @throws LinuxError ENOTTY, …
 */
export function getWinsize(fd: number): { width: number; height: number } {
  const size = new Uint16Array(4);
  check(
    () => libc().ioctl(fd, TIOCGWINSZ, new Uint8Array(size.buffer)),
    "ioctl",
    `TIOCGWINSZ of fd ${fd}`,
  );
  const [height = 0, width = 0] = size;
  return { width, height };
}
