// SPDX-License-Identifier: MIT
// Reads what /proc and wait statuses say of a process.
import { O_RDONLY, OwnedFd, read } from "../fd/fd.ts";
import { ENOENT, ESRCH, isErrno } from "../libc/errno.ts";

/** Clock ticks per second in /proc: USER_HZ, 100 wherever Deno runs (proc_pid_stat(5)). */
export const USER_HZ = 100;

/** The fields of proc_pid_stat(5) that berth reads. */
export interface ProcessStat {
  /** Name of the command, cut to 15 bytes. */
  readonly name: string;
  /** `R`, `S`, `Z` (zombie), … */
  readonly state: string;
  /** Pid of the parent. */
  readonly parent: number;
  /** Device number of the terminal; 0 if there is none. */
  readonly terminal: number;
  /** CPU time in user mode, clock ticks. */
  readonly userTicks: number;
  /** CPU time in the kernel, clock ticks. */
  readonly systemTicks: number;
  /** Nice value. */
  readonly nice: number;
  /** When it started, clock ticks after boot. With the pid it names the process for good. */
  readonly startTime: number;
  /** Real-time priority; 0 if it has none. */
  readonly realtimePriority: number;
  /** Scheduling policy, a number of sched(7). */
  readonly policy: number;
  /** A wait status (wait(2)); 0 unless it is a zombie. */
  readonly waitStatus: number;
}

/**
 * Reads /proc/<pid>/stat; undefined when there is no such process. A zombie still has one.
 *
 * @throws LinuxError when /proc cannot be read
 */
export function processStat(pid: number | "self"): ProcessStat | undefined {
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
  // The command's name, field 2, may hold blanks and parentheses itself: counted from its end, so
  // that index 0 is field 3.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  return {
    name: text.slice(text.indexOf("(") + 1, end),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    terminal: Number(fields[4]),
    userTicks: Number(fields[11]),
    systemTicks: Number(fields[12]),
    nice: Number(fields[16]),
    startTime: Number(fields[19]),
    realtimePriority: Number(fields[37]),
    policy: Number(fields[38]),
    waitStatus: Number(fields[49]),
  };
}

/** Returns the exit code in a wait status (wait(2)), or 128 + the signal in its low 7 bits. */
export function exitStatusOf(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

/** A process by pid and start time, which together name it for good. */
export interface LiveProcess {
  readonly pid: number;
  /** Pid of the parent. */
  readonly parent: number;
  /** When it started, clock ticks after boot. */
  readonly startTime: number;
}

/** Returns the processes whose pid `matches`, without those that have ended and are zombies. */
export function liveProcesses(matches: (pid: number) => boolean = () => true): LiveProcess[] {
  const found: LiveProcess[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !matches(pid)) continue;
    const stat = processStat(pid);
    if (stat === undefined || stat.state === "Z" || stat.state === "X") continue;
    found.push({ pid, parent: stat.parent, startTime: stat.startTime });
  }
  return found;
}
