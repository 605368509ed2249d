// SPDX-License-Identifier: MIT
import { EAGAIN, EPIPE, isErrno } from "../libc/errno.ts";
import { check, lazyLibc } from "../libc/libc.ts";
import { tryStat } from "../fs/try_stat.ts";
import { O_NONBLOCK, O_RDONLY, OwnedFd, read } from "../fd/fd.ts";

const libc = lazyLibc({
  lseek: {
    parameters: [/* int fd */ "i32", /* off_t offset */ "i64", /* int whence */ "i32"],
    result: "i64",
  },
});

const SEEK_END = 2;

const KMSG = "/dev/kmsg";

/** Character device 1:11 (Documentation/admin-guide/devices.txt), as stat(2) has it. */
const KMSG_DEVICE = 0x10b;

/** Longer than any record; the kernel refuses to put one into less room. */
const RECORD = 16_384;

/** Priorities from here on are those of other facilities than the kernel, so of programs. */
const FIRST_OF_PROGRAMS = 8;

/**
 * What the kernel logs from now on, read from /dev/kmsg (Documentation/ABI/testing/dev-kmsg): a record
 * a read, `priority,number,microseconds,flags;text`.
 */
export class KernelLog implements Disposable {
  readonly #file: OwnedFd;
  readonly #buffer = new Uint8Array(RECORD);
  readonly #decoder = new TextDecoder();

  /** Returns whether `/dev/kmsg` is the kernel's: in a container it may be a FIFO or a terminal. */
  static isThere(): boolean {
    const found = tryStat(KMSG);
    return found?.isCharDevice === true && found.rdev === KMSG_DEVICE;
  }

  /**
   * @param path Read in place of /dev/kmsg.
   * @throws LinuxError such as EPERM for lack of CAP_SYSLOG
   */
  constructor(path = KMSG) {
    using file = OwnedFd.open(path, O_RDONLY | O_NONBLOCK);
    check(() => Number(libc().lseek(file.fd, 0n, SEEK_END)), "lseek", path);
    this.#file = new OwnedFd(file.release());
  }

  /** Returns the texts of the kernel's own records since the last call; what programs log is left out. */
  read(): string[] {
    const texts: string[] = [];
    for (let lines = this.#lines(); lines !== undefined; lines = this.#lines()) {
      for (const line of lines) {
        // Further lines of a record begin with a blank.
        const [, priority, text] = /^(\d+),[^;]*;(.*)$/.exec(line) ?? [];
        if (text !== undefined && Number(priority) < FIRST_OF_PROGRAMS) texts.push(unescape(text));
      }
    }
    return texts;
  }

  #lines(): string[] | undefined {
    try {
      const length = read(this.#file.fd, this.#buffer);
      if (length === 0) return undefined;
      return this.#decoder.decode(this.#buffer.subarray(0, length)).split("\n");
    } catch (error) {
      if (isErrno(error, EAGAIN)) return undefined;
      // Records were overwritten before they were read: the next read goes on behind them.
      if (isErrno(error, EPIPE)) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** Undoes `\xNN`, by which the kernel writes a backslash and each byte that is not printable ASCII. */
function unescape(text: string): string {
  if (!text.includes("\\x")) return text;
  const bytes = text.replaceAll(
    /\\x([0-9a-f]{2})/g,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
}
