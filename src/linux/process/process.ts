// SPDX-License-Identifier: MIT
// Processes by their pid: finds, signals and sets them up.
import { EINVAL, ESRCH, isErrno, LinuxError } from "../libc/errno.ts";
import { O_WRONLY, OwnedFd, write } from "../fd/fd.ts";
import { check, lazyLibc } from "../libc/libc.ts";
import { Pidfd } from "./pidfd.ts";
import { exitStatusOf, processStat } from "./stat.ts";

export { Pidfd } from "./pidfd.ts";

const libc = lazyLibc({
  kill: { parameters: [/* pid_t pid */ "i32", /* int sig */ "i32"], result: "i32" },
});

const prctlLibc = lazyLibc({
  prctl: { parameters: [/* int op */ "i32", /* unsigned long arg2 */ "usize"], result: "i32" },
});

// include/uapi/linux/prctl.h
const PR_SET_DUMPABLE = 4, PR_SET_CHILD_SUBREAPER = 36;

/**
 * Returns when a process started, in clock ticks after boot (field 22 of proc_pid_stat(5)); with
 * its pid that names the process for good. `undefined` when there is none; a zombie still has one.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function startTime(pid: number): number | undefined {
  return processStat(pid)?.startTime;
}

/**
 * Returns whether the process that had this pid and start time is there and not a zombie.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function isAlive(pid: number, startTime: number): boolean {
  const now = processStat(pid);
  return now !== undefined && now.startTime === startTime && now.state !== "Z" && now.state !== "X";
}

/**
 * Returns the exit code or 128+signal of a process that has exited and is not reaped yet, whosever
 * child it is (field 52 of proc_pid_stat(5)). `undefined` of any other.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function zombieStatus(pid: number): number | undefined {
  const now = processStat(pid);
  return now?.state === "Z" ? exitStatusOf(now.waitStatus) : undefined;
}

/**
 * Signals one process, kill(2); signal 0 only checks whether the process can be signaled. Pids that
 * mean a group or every process (0 and below) are refused.
 *
 * @throws LinuxError ESRCH when there is no such process; EPERM; EINVAL
 */
export function kill(pid: number, signal: number): void {
  const what = `process ${pid} with signal ${signal}`;
  if (!Number.isInteger(pid) || pid <= 0) throw new LinuxError(EINVAL, "kill", what);
  check(() => libc().kill(pid, signal), "kill", what);
}

/**
 * Sends a signal to every process of a process group.
 *
 * @throws LinuxError ESRCH when there is none, EPERM
 */
export function killGroup(group: number, signal: number): void {
  const what = `process group ${group} with signal ${signal}`;
  // kill(2) takes -1 for every process there is.
  if (!Number.isInteger(group) || group <= 1) throw new LinuxError(EINVAL, "kill", what);
  check(() => libc().kill(-group, signal), "kill", what);
}

/**
 * Sends a signal to the process that had this pid and start time. The pidfd is taken before the look
 * at the start time, so that the signal reaches no other process.
 *
 * @returns whether that process was there and no zombie
 * @throws LinuxError
 */
export function killIfSame(pid: number, startTime: number, signal: number): boolean {
  try {
    using held = Pidfd.open(pid);
    if (!isAlive(pid, startTime)) return false;
    held.sendSignal(signal);
    return true;
  } catch (error) {
    if (isErrno(error, ESRCH)) return false;
    throw error;
  }
}

/**
 * Makes this process the parent of every orphan among its descendants (PR_SET_CHILD_SUBREAPER of
 * prctl(2)), or no longer. It then has to reap them.
 *
 * @throws LinuxError
 */
export function prctlSubreaper(on = true): void {
  check(
    () => prctlLibc().prctl(PR_SET_CHILD_SUBREAPER, on ? 1n : 0n),
    "prctl",
    "PR_SET_CHILD_SUBREAPER",
  );
}

/**
 * Makes this process leave no core dump, and keeps those of its own user from tracing it or looking
 * at its memory and environment (PR_SET_DUMPABLE of prctl(2)). Its children are as any other.
 *
 * @throws LinuxError
 */
export function prctlNotDumpable(): void {
  check(() => prctlLibc().prctl(PR_SET_DUMPABLE, 0n), "prctl", "PR_SET_DUMPABLE");
}

/**
 * Sets the name of this process in `ps` and /proc/self/comm; the kernel keeps 15 bytes of it.
 *
 * @throws LinuxError
 */
export function setProcessName(name: string): void {
  using file = OwnedFd.open("/proc/self/comm", O_WRONLY);
  write(file.fd, new TextEncoder().encode(name));
}
