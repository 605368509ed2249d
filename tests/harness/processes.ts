// SPDX-License-Identifier: MIT
import { until } from "./poll.ts";

/** A process as /proc shows it (proc(5)). */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** One letter: R, S, D, T, Z, … (proc_pid_stat(5)). */
  readonly state: string;
  /** Clock ticks after boot; with the pid it names a process for good. */
  readonly startTime: number;
  /** Its command line with spaces, or `[name]` where it has none. */
  readonly command: string;
}

/** Every process of this machine. */
export function listProcesses(): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const info = readProcess(pid);
    if (info !== undefined) found.push(info);
  }
  return found;
}

/** One process; undefined once it is gone. */
export function readProcess(pid: number): ProcessInfo | undefined {
  const stat = readProc(pid, "stat");
  // The name stands in parentheses and may hold anything, parentheses too.
  const end = stat.lastIndexOf(")");
  if (end < 0) return undefined;
  const fields = stat.slice(end + 2).split(" ");
  const command = readProc(pid, "cmdline").replaceAll("\0", " ").trim();
  return {
    pid,
    state: fields[0] ?? "?",
    parent: Number(fields[1]),
    startTime: Number(fields[19]),
    command: command === "" ? `[${stat.slice(stat.indexOf("(") + 1, end)}]` : command,
  };
}

/** `PF_EXITING` of a process's flags (include/linux/sched.h): it ends, and runs no more of its program. */
const EXITING = 0x4;

/**
 * Waits until a process has become this program: the runtime answers a start before its init has
 * executed it.
 */
export async function untilRuns(pid: number, command: string): Promise<void> {
  await until(`process ${pid} to be ${command}`, () => readProcess(pid)?.command === command);
}

/** Whether a process is gone, or is a zombie, whose parent has yet to ask how it ended. */
export function isGone(pid: number): boolean {
  return [undefined, "Z"].includes(readProcess(pid)?.state);
}

/** Whether a process has ended, be it reaped or not; what is killed is soon "exiting", then a zombie. */
export function hasEnded(pid: number): boolean {
  const stat = readProc(pid, "stat");
  const [state = "X", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ["", "X", "Z"].includes(state) || (Number(fields[5]) & EXITING) !== 0;
}

/** Kills processes, which may have ended by themselves. */
export function killIfThere(...pids: readonly number[]): void {
  for (const pid of pids) signalIfThere(pid, "SIGKILL");
}

/** Sends a signal to a process, which may have ended by itself. */
export function signalIfThere(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Sends a signal to a child, which may have ended by itself. No flag that its `status` sets can tell
 * that before: the promise settles some turns of the event loop after the child has been reaped.
 */
export function signalChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // What Deno throws once it knows of the end, and until then.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Whether the shell that is process `pid` has set a trap for the signal of this number. Before there is
 * a shell there is the OCI runtime, which handles every signal, and before the trap init ignores it.
 */
export function hasTrap(pid: number, signal: number): boolean {
  if (!/^(\/bin\/)?sh /.test(readProcess(pid)?.command ?? "")) return false;
  const [, caught = "0"] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(processStatus(pid)) ?? [];
  return (BigInt(`0x${caught}`) >> BigInt(signal - 1) & 1n) === 1n;
}

/**
 * The processes that have to do with `marker`, a name that occurs nowhere else: it stands in their
 * command line, environment, working directory, cgroup or mounts, or they descend from such a
 * process. This process and its ancestors are not among them.
 */
export function processesOf(marker: string): ProcessInfo[] {
  const all = listProcesses();
  const spared = lineage(all, Deno.pid);
  const found = new Set(
    all.filter(({ pid }) => !spared.has(pid) && mentions(pid, marker)).map(({ pid }) => pid),
  );
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent) && !spared.has(pid)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

/** `pid` and its ancestors. */
function lineage(all: readonly ProcessInfo[], pid: number): Set<number> {
  const parents = new Map(all.map((info) => [info.pid, info.parent]));
  const seen = new Set<number>();
  for (let at: number | undefined = pid; at && !seen.has(at); at = parents.get(at)) seen.add(at);
  return seen;
}

function mentions(pid: number, marker: string): boolean {
  for (const file of ["cmdline", "environ", "cgroup"]) {
    if (readProc(pid, file).includes(marker)) return true;
  }
  if (readProcLink(pid, "cwd").includes(marker)) return true;
  // Where the mount point tells of it too, as here, the mounts are copies of this namespace's, which
  // every process with a namespace of its own has: a service of systemd, a runtime's init before it has
  // changed its root (proc_pid_mountinfo(5)).
  return readProc(pid, "mountinfo").split("\n").some((line) =>
    line.includes(marker) && !line.split(" ")[4]?.includes(marker)
  );
}

function readProc(pid: number, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    // Gone since it was listed, or not ours to read.
    return "";
  }
}

function readProcLink(pid: number, file: string): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/${file}`);
  } catch {
    // As above; a zombie has none either.
    return "";
  }
}

/** The name of a process (proc_pid_comm(5)); empty once it is gone. */
export function processName(pid: number): string {
  return readProc(pid, "comm").trim();
}

/** Returns the kernel's text about a process (proc_pid_status(5)); empty once it is gone. */
export function processStatus(pid: number): string {
  return readProc(pid, "status");
}

/** Returns the targets of a process's descriptors, such as `socket:[4711]`; none once it is gone. */
export function openFiles(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)]
      .map(({ name }) => readProcLink(pid, `fd/${name}`))
      .filter((target) => target !== "");
  } catch {
    // The process is gone.
    return [];
  }
}
