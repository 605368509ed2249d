// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, ENOTTY, ESRCH, LinuxError } from "../libc/errno.ts";
import { close } from "../fd/fd.ts";
import { attempt, check, lazyLibc } from "../libc/libc.ts";
import { exitStatusOf } from "./stat.ts";

// The pidfd calls by number, for glibc names them only since 2.36. From 424 on, numbers are the
// same on every architecture (include/uapi/asm-generic/unistd.h).
const libc = lazyLibc({
  pidfd_send_signal: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int pidfd */ "i32",
      /* int sig */ "i32",
      /* siginfo_t *info */ "pointer",
      /* unsigned int flags */ "u32",
    ],
    result: "i32",
  },
  pidfd_open: {
    name: "syscall",
    parameters: [/* long number */ "i32", /* pid_t pid */ "i32", /* unsigned int flags */ "u32"],
    result: "i32",
  },
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u32", /* void *arg */ "buffer"],
    result: "i32",
  },
});

const SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434;
// include/uapi/linux/pidfd.h: _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 1n << 3n;

/** A process held by pidfd_open(2): signals reach it or no process, however its pid is used later. */
export class Pidfd implements Disposable {
  /** The process's pid when it was opened. */
  readonly pid: number;
  readonly #fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /**
   * @throws LinuxError ESRCH when there is no such process (a zombie is one); EINVAL when `pid` can
   *   be none; ENOSYS before Linux 5.3
   */
  static open(pid: number): Pidfd {
    const fd = attempt(() => libc().pidfd_open(SYS_pidfd_open, pid, 0));
    if (fd < 0) {
      const error = -fd;
      // Before Linux 6.15 EINVAL is also said of a pid that only names a thread, or the group or
      // session of a process that is gone; newer kernels say ESRCH or ENOENT.
      const none = pid > 0 && (error === EINVAL || error === ENOENT);
      throw new LinuxError(none ? ESRCH : error, "pidfd_open", `process ${pid}`);
    }
    return new Pidfd(pid, fd);
  }

  /** For a poller: becomes readable once the process has exited, even before it is reaped. */
  get fd(): number {
    return this.#fd;
  }

  /** @throws LinuxError ESRCH once it has exited and was reaped */
  sendSignal(signal: number): void {
    check(
      () => libc().pidfd_send_signal(SYS_pidfd_send_signal, this.#fd, signal, null, 0),
      "pidfd_send_signal",
      `process ${this.pid} with signal ${signal}`,
    );
  }

  /**
   * Exit code or 128+signal of the process, once its parent has reaped it; it need not be a child.
   * `undefined` before that, and always before Linux 6.15 (PIDFD_INFO_EXIT).
   *
   * @throws LinuxError
   */
  exitStatus(): number | undefined {
    const info = new DataView(new ArrayBuffer(64));
    info.setBigUint64(0, PIDFD_INFO_EXIT, true);
    const buffer = new Uint8Array(info.buffer);
    const result = attempt(() => libc().ioctl(this.#fd, PIDFD_GET_INFO, buffer));
    if (result < 0) {
      const error = -result;
      // ENOTTY or EINVAL: no such ioctl; ESRCH: Linux 6.13 and 6.14, which forget the reaped.
      if (error === ENOTTY || error === EINVAL || error === ESRCH) return undefined;
      throw new LinuxError(error, "ioctl", `PIDFD_GET_INFO of process ${this.pid}`);
    }
    // The kernel answers with the mask of what it filled in.
    if ((info.getBigUint64(0, true) & PIDFD_INFO_EXIT) === 0n) return undefined;
    // Its member exit_code is a wait status.
    return exitStatusOf(info.getInt32(60, true));
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}
