// SPDX-License-Identifier: MIT
// The processes of a container as `ps` and `top` list them.
import { ifThere } from "../../linux/fs/if_there.ts";
import { processStat, USER_HZ } from "../../linux/process/stat.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { formatCommand } from "../text/format.ts";
import { boldHeader, print, printJson, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";

interface ProcessListFlags {
  readonly json?: true;
  readonly quiet?: true;
}

/** Prints the processes of a container for `ps`. */
export async function printProcesses(
  daemon: DaemonConnection,
  id: string,
  options: ProcessListFlags,
): Promise<void> {
  const { processes } = await daemon.call("container.pids", { id });
  if (options.quiet) return processes.forEach(({ pid }) => print(String(pid)));
  const rows = processes.map((process) => ({ ...process, command: processCommand(process.pid) }));
  if (options.json) return rows.forEach(printJson);
  const cells = rows.map(({ pid, execId, command }) => [String(pid), execId ?? "-", command]);
  const layout = { right: [0], width: screenWidth(), style: boldHeader };
  formatTable(["PID", "EXEC", "COMMAND"], cells, layout).forEach(print);
}

/** Returns the command line of a process (proc_pid_cmdline(5)); empty once it is gone. */
function processCommand(pid: number): string {
  try {
    return formatCommand(Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1));
  } catch {
    // Processes come and go between listing and looking.
    return "";
  }
}

/** The columns of `ps -ef`. */
const HEADERS = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/** Prints the processes of a container as `ps -ef` and docker do. */
export async function printProcessTable(daemon: DaemonConnection, id: string): Promise<void> {
  const { processes } = await daemon.call("container.pids", { id });
  if (processes.length === 0) await checkRuns(daemon, id);
  const uptime = Number(Deno.readTextFileSync("/proc/uptime").split(" ", 1)[0]);
  const rows = processes.flatMap(({ pid }) => rowOf(pid, uptime, Date.now()));
  const options = { right: [0, 1, 2, 3], width: screenWidth(), style: boldHeader };
  formatTable(HEADERS, rows, options).forEach(print);
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
  const stat = processStat(pid);
  const owner = ifThere(() => Deno.statSync(`/proc/${pid}`));
  if (stat === undefined || owner === undefined) return [];
  const age = Math.max(uptime - stat.startTime / USER_HZ, 0);
  const cpuSeconds = (stat.userTicks + stat.systemTicks) / USER_HZ;
  const percent = age === 0 ? 0 : Math.min(99, Math.floor(cpuSeconds / age * 100));
  return [[
    String(owner.uid ?? "?"),
    String(pid),
    String(stat.parent),
    String(percent),
    startTime(now - age * 1000, now),
    terminalName(stat.terminal),
    clock(cpuSeconds),
    processCommand(pid) || `[${stat.name}]`,
  ]];
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
