// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, ENOTTY, ESRCH, isErrno, LinuxError } from "./errno.ts";
import { close, O_RDONLY, O_WRONLY, OwnedFd, read, write } from "./fd.ts";
import { check, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  kill: { parameters: [/* pid_t pid */ "i32", /* int sig */ "i32"], result: "i32" },
});

const prctlLibc = lazyLibc({
  prctl: { parameters: [/* int op */ "i32", /* unsigned long arg2 */ "usize"], result: "i32" },
});

// The pidfd calls by number, for glibc names them only since 2.36. From 424 on, numbers are the
// same on every architecture (include/uapi/asm-generic/unistd.h).
const pidfdLibc = lazyLibc({
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
// include/uapi/linux/prctl.h
const PR_SET_CHILD_SUBREAPER = 36;
// include/uapi/linux/pidfd.h: _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 1n << 3n;

/** What berth reads of proc_pid_stat(5). */
interface Stat {
  state: string;
  startTime: number;
}

function stat(pid: number): Stat | undefined {
  const buffer = new Uint8Array(1024);
  let text: string;
  try {
    using file = OwnedFd.open(`/proc/${pid}/stat`, O_RDONLY);
    text = new TextDecoder().decode(buffer.subarray(0, read(file.fd, buffer)));
  } catch (error) {
    // ESRCH: it went between open and read.
    if (isErrno(error, ENOENT, ESRCH)) return undefined;
    throw error;
  }
  // The command's name, field 2, may hold blanks and parentheses itself: count from its end.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTime: Number(fields[19]) };
}

/**
 * When a process started, in clock ticks after boot (field 22 of proc_pid_stat(5)); with its pid
 * it names the process for good. `undefined` when there is none; a zombie still has one.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function startTime(pid: number): number | undefined {
  return stat(pid)?.startTime;
}

/**
 * Whether the process that had this pid and start time is there and not a zombie.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function isAlive(pid: number, startTime: number): boolean {
  const now = stat(pid);
  return now !== undefined && now.startTime === startTime && now.state !== "Z" && now.state !== "X";
}

/**
 * kill(2) of one process; signal 0 only asks whether it could be signalled. Pids that mean a group
 * or everybody (0 and below) are refused.
 *
 * @throws LinuxError ESRCH when there is no such process; EPERM; EINVAL
 */
export function kill(pid: number, signal: number): void {
  const what = `process ${pid} with signal ${signal}`;
  if (!Number.isInteger(pid) || pid <= 0) throw new LinuxError(EINVAL, "kill", what);
  check(libc().kill(pid, signal), "kill", what);
}

/**
 * Makes this process the parent of every orphan among its descendants (PR_SET_CHILD_SUBREAPER of
 * prctl(2)), or no longer. It then has to reap them.
 *
 * @throws LinuxError
 */
export function prctlSubreaper(on = true): void {
  check(
    prctlLibc().prctl(PR_SET_CHILD_SUBREAPER, on ? 1n : 0n),
    "prctl",
    "PR_SET_CHILD_SUBREAPER",
  );
}

/**
 * Name of this process in `ps` and /proc/self/comm; the kernel keeps 15 bytes of it.
 *
 * @throws LinuxError
 */
export function setProcessName(name: string): void {
  writeProc("/proc/self/comm", name);
}

/**
 * How readily the OOM killer takes a process: -1000 never, 1000 first (proc_pid_oom_score_adj(5)).
 * Children inherit it.
 *
 * @throws LinuxError EACCES when lowered without CAP_SYS_RESOURCE; ENOENT; EINVAL
 */
export function setOomScoreAdj(pid: number | "self", adjustment: number): void {
  writeProc(`/proc/${pid}/oom_score_adj`, String(adjustment));
}

function writeProc(path: string, value: string): void {
  using file = OwnedFd.open(path, O_WRONLY);
  write(file.fd, new TextEncoder().encode(value));
}

/** Pid of the parent; changes to that of a (sub-)reaper when the parent dies. */
export function getppid(): number {
  return Deno.ppid;
}

/** A process held by pidfd_open(2): signals reach it or nobody, however its pid is used later. */
export class Pidfd implements Disposable {
  /** The process's pid when it was opened. */
  readonly pid: number;
  readonly #fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /**
   * @throws LinuxError ESRCH when there is no such process (a zombie is one); EINVAL when it is a
   *   thread; ENOSYS before Linux 5.3
   */
  static open(pid: number): Pidfd {
    const fd = check(
      pidfdLibc().pidfd_open(SYS_pidfd_open, pid, 0),
      "pidfd_open",
      `process ${pid}`,
    );
    return new Pidfd(pid, fd);
  }

  /** For a poller: becomes readable once the process has exited, even before it is reaped. */
  get fd(): number {
    return this.#fd;
  }

  /** @throws LinuxError ESRCH once it has exited and was reaped */
  sendSignal(signal: number): void {
    check(
      pidfdLibc().pidfd_send_signal(SYS_pidfd_send_signal, this.#fd, signal, null, 0),
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
    if (pidfdLibc().ioctl(this.#fd, PIDFD_GET_INFO, new Uint8Array(info.buffer)) === -1) {
      const error = errno();
      // ENOTTY or EINVAL: no such ioctl; ESRCH: Linux 6.13 and 6.14, which forget the reaped.
      if (error === ENOTTY || error === EINVAL || error === ESRCH) return undefined;
      throw new LinuxError(error, "ioctl", `PIDFD_GET_INFO of process ${this.pid}`);
    }
    // The kernel answers with the mask of what it filled in.
    if ((info.getBigUint64(0, true) & PIDFD_INFO_EXIT) === 0n) return undefined;
    // exit_code is a wait status (wait(2)): the signal in the low 7 bits, else the code above.
    const status = info.getInt32(60, true);
    const signal = status & 0x7f;
    return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}
