// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, ESRCH, isErrno, LinuxError } from "../libc/errno.ts";
import { O_RDONLY, O_WRONLY, OwnedFd, read, write } from "../fd/fd.ts";
import { check, lazyLibc } from "../libc/libc.ts";

export { Pidfd } from "./pidfd.ts";

const libc = lazyLibc({
  kill: { parameters: [/* pid_t pid */ "i32", /* int sig */ "i32"], result: "i32" },
});

const prctlLibc = lazyLibc({
  prctl: { parameters: [/* int op */ "i32", /* unsigned long arg2 */ "usize"], result: "i32" },
});

// include/uapi/linux/prctl.h
const PR_SET_CHILD_SUBREAPER = 36;

/** What berth reads of proc_pid_stat(5). */
interface Stat {
  state: string;
  startTime: number;
  /** A wait status; 0 unless it is a zombie. */
  exitCode: number;
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
  return { state: fields[0] ?? "", startTime: Number(fields[19]), exitCode: Number(fields[49]) };
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
 * Exit code or 128+signal of a process that has exited and is not reaped yet, whosever child it is
 * (field 52 of proc_pid_stat(5)). `undefined` of any other.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function zombieStatus(pid: number): number | undefined {
  const now = stat(pid);
  return now?.state === "Z" ? statusOf(now.exitCode) : undefined;
}

/** What a wait status (wait(2)) says: the signal is in the low 7 bits, else the code above. */
function statusOf(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
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
