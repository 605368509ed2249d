// SPDX-License-Identifier: MIT
// The size and the mode of a terminal.
import { check, lazyLibc, retry } from "../libc/libc.ts";

export { ConsoleSocket } from "./console_socket.ts";

const ttyLibc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u32", /* void *arg */ "buffer"],
    result: "i32",
  },
});

const termiosLibc = lazyLibc({
  tcgetattr: {
    parameters: [/* int fd */ "i32", /* struct termios *termios_p */ "buffer"],
    result: "i32",
  },
  tcsetattr: {
    parameters: [
      /* int fd */ "i32",
      /* int optional_actions */ "i32",
      /* const struct termios *termios_p */ "buffer",
    ],
    result: "i32",
  },
  cfmakeraw: { parameters: [/* struct termios *termios_p */ "buffer"], result: "void" },
});

// include/uapi/asm-generic/ioctls.h
const TIOCSWINSZ = 0x5414;
// struct termios of glibc is 60 bytes; room is left over. TCSADRAIN: glibc's termios.h.
const TERMIOS_SIZE = 128, TCSADRAIN = 1;

/**
 * Sets the size of a terminal in characters; its foreground process gets SIGWINCH.
 *
 * @throws LinuxError ENOTTY, EIO, …
 */
export function setWinsize(fd: number, width: number, height: number): void {
  // struct winsize {unsigned short row, col, xpixel, ypixel}
  const size = new Uint16Array([height, width, 0, 0]);
  check(
    () => ttyLibc().ioctl(fd, TIOCSWINSZ, new Uint8Array(size.buffer)),
    "ioctl",
    `TIOCSWINSZ of fd ${fd}`,
  );
}

/**
 * Puts a terminal in raw mode (cfmakeraw(3)): each key goes on as it is. Disposing of the result
 * restores what was.
 *
 * @throws LinuxError ENOTTY, …
 */
export function setRaw(fd: number): Disposable {
  const before = new Uint8Array(TERMIOS_SIZE);
  check(() => termiosLibc().tcgetattr(fd, before), "tcgetattr", `fd ${fd}`);
  const raw = before.slice();
  termiosLibc().cfmakeraw(raw);
  const set = (termios: Uint8Array<ArrayBuffer>) => {
    retry(() => termiosLibc().tcsetattr(fd, TCSADRAIN, termios), "tcsetattr", `fd ${fd}`);
  };
  set(raw);
  return { [Symbol.dispose]: () => set(before) };
}
