// SPDX-License-Identifier: MIT
import { errnoNameOf } from "../../linux/libc/errno.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { boldHeader, print, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";
import { processCommand } from "./processes.ts";

/** Clock ticks per second in `/proc`: USER_HZ, 100 on every architecture that Deno runs on. */
const TICKS = 100;

const HEADERS = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/** What proc_pid_stat(5) tells of a process. */
interface ProcessFields {
  readonly name: string;
  readonly parent: number;
  /** The terminal's device number; 0: none. */
  readonly terminal: number;
  /** CPU time used, in seconds. */
  readonly cpuSeconds: number;
  /** When it was started, in seconds since boot. */
  readonly startedAt: number;
}

/** Prints the processes of a container as `ps -ef` and docker do. */
export async function printProcessTable(daemon: DaemonConnection, id: string): Promise<void> {
  const { processes } = await daemon.call("container.pids", { id });
  if (processes.length === 0) await checkRuns(daemon, id);
  const uptime = Number(Deno.readTextFileSync("/proc/uptime").split(" ", 1)[0]);
  const rows = processes.flatMap(({ pid }) => rowOf(pid, uptime, Date.now()));
  const lines = formatTable(HEADERS, rows, {
    right: [0, 1, 2, 3],
    width: screenWidth(),
    style: boldHeader,
  });
  for (const line of lines) print(line);
}

/** Throws a {@linkcode CliError} that says why there is no process, unless one may be there by now. */
async function checkRuns(daemon: DaemonConnection, id: string): Promise<void> {
  const { status, restartingAt } = await daemon.call("container.state", { id });
  if (status !== "stopped") return;
  throw new CliError(
    restartingAt === undefined
      ? `container ${id} is stopped: start it first`
      : `container ${id} is being restarted: wait until it runs, or stop it first`,
  );
}

/**
 * Returns the row of a process; none if it has ended meanwhile. `uptime` in seconds, `now` in ms.
 */
function rowOf(pid: number, uptime: number, now: number): string[][] {
  try {
    const stat = parseStat(Deno.readTextFileSync(`/proc/${pid}/stat`));
    const { uid } = Deno.statSync(`/proc/${pid}`);
    const age = Math.max(uptime - stat.startedAt, 0);
    const percent = age === 0 ? 0 : Math.min(99, Math.floor(stat.cpuSeconds / age * 100));
    return [[
      String(uid ?? "?"),
      String(pid),
      String(stat.parent),
      String(percent),
      startTime(now - age * 1000, now),
      terminalName(stat.terminal),
      clock(stat.cpuSeconds),
      processCommand(pid) || `[${stat.name}]`,
    ]];
  } catch (error) {
    // ESRCH is what a read of a file of an ended process gets.
    if (error instanceof Deno.errors.NotFound) return [];
    if (errnoNameOf(error) === "ESRCH") return [];
    throw error;
  }
}

/** Parses `/proc/PID/stat`, in which the name may hold anything, also parentheses. */
function parseStat(text: string): ProcessFields {
  const end = text.lastIndexOf(")");
  const rest = text.slice(end + 2).split(" ").map(Number);
  // The first of `rest` is field 3, the state.
  const field = (number: number) => rest[number - 3] ?? 0;
  return {
    name: text.slice(text.indexOf("(") + 1, end),
    parent: field(4),
    terminal: field(7),
    cpuSeconds: (field(14) + field(15)) / TICKS,
    startedAt: field(22) / TICKS,
  };
}

/** Returns the time of the day of today, else the day, as ps(1) has it. */
function startTime(startedAt: number, now: number): string {
  const date = new Date(startedAt);
  if (date.toDateString() === new Date(now).toDateString()) return date.toTimeString().slice(0, 5);
  return date.toDateString().slice(4, 10).replace(" ", "");
}

/**
 * Returns a device number of a terminal as ps(1) names it: pseudo-terminals have majors 136 to 143.
 */
function terminalName(device: number): string {
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (device === 0) return "?";
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? `tty${minor}` : "?";
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
