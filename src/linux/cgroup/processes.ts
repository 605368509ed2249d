// SPDX-License-Identifier: MIT
// The processes of a cgroup: lists and kills them, and removes the cgroup.
import { sleep } from "../event_loop/timer.ts";
import { isGone, readText, subtree, writeText } from "./files.ts";
import { type Cgroup, cgroupHierarchies, type Hierarchy } from "./find.ts";
import { EBUSY, errnoNameOf, ESRCH, isErrno, LinuxError } from "../libc/errno.ts";
import { freeze, thaw } from "./freezer.ts";
import { kill } from "../process/process.ts";
import { SIGKILL } from "../process/signals.ts";

/** The hierarchies to ask for processes, best first: those that every runtime puts them in. */
const ASKED = ["freezer", "pids", "memory", "cpu", "devices", "name=systemd", "unified"];

/** Returns the pids of all processes in a cgroup and below it, ascending; none once it is gone. */
export function pids({ paths }: Cgroup): number[] {
  const name = ASKED.find((each) => paths[each] !== undefined) ?? Object.keys(paths)[0];
  const path = name === undefined ? undefined : paths[name];
  if (path === undefined) return [];
  const found = new Set<number>();
  for (const dir of subtree(path)) {
    const lines = readText(`${dir}/cgroup.procs`)?.split("\n") ?? threadedProcesses(dir);
    for (const line of lines) {
      // 0 is a process that this pid namespace does not see.
      if (line !== "" && line !== "0") found.add(Number(line));
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** A cgroup that holds processes itself. */
export interface OccupiedCgroup {
  /** Its absolute directory. */
  readonly dir: string;
  readonly pids: readonly number[];
}

/**
 * Finds a cgroup of v2 above `path` that holds processes: below such a one no cgroup gets a controller
 * (cgroups(7), "no internal processes"). The root may hold some.
 *
 * @param path as the OCI spec has it, below each hierarchy.
 */
export function occupiedAncestor(
  path: string,
  hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
): OccupiedCgroup | undefined {
  const mountPoint = hierarchies.find(({ names }) => names.includes("unified"))?.mountPoint;
  if (mountPoint === undefined) return undefined;
  const names = path.split("/").filter((name) => name !== "");
  for (let depth = names.length - 1; depth > 0; depth--) {
    const dir = [mountPoint, ...names.slice(0, depth)].join("/");
    const lines = readText(`${dir}/cgroup.procs`)?.split("\n") ?? [];
    const found = lines.filter((line) => line !== "").map(Number);
    if (found.length > 0) return { dir, pids: found };
  }
  return undefined;
}

/**
 * Returns the pids of a threaded cgroup, which lists its threads only (cgroup-v2, Threads); none of
 * another.
 */
function threadedProcesses(dir: string): string[] {
  const threads = readText(`${dir}/cgroup.threads`)?.split("\n") ?? [];
  return threads.flatMap((tid) => {
    if (tid === "" || tid === "0") return [];
    // Undefined once it has ended.
    const [, pid] = /^Tgid:\s+(\d+)$/m.exec(readText(`/proc/${tid}/status`) ?? "") ?? [];
    return pid ?? [];
  });
}

/**
 * Sends SIGKILL to every process in a cgroup and below, frozen or not. One that is being forked
 * meanwhile may be missed in v1 (v2 has cgroup.kill, since Linux 5.14): {@linkcode killUntilEmpty}.
 *
 * @returns how many processes there were before
 */
export function killAll(cgroup: Cgroup): number {
  const found = pids(cgroup);
  const { unified } = cgroup.paths;
  const done = unified !== undefined && killByKernel(unified);
  // In a hybrid a process may be in the v1 cgroups only, so these are signaled whatever was done.
  if (!done || cgroup.version === 1) {
    for (const pid of found) {
      // A container cannot have this process; were a path wrong, this would be the worst end of it.
      if (pid !== Deno.pid) signal(pid);
    }
  }
  thaw(cgroup);
  return found.length;
}

/** Kills a v2 cgroup by cgroup.kill, since Linux 5.14. Returns whether the kernel has it. */
function killByKernel(dir: string): boolean {
  try {
    return writeText(`${dir}/cgroup.kill`, "1");
  } catch (error) {
    // A threaded cgroup: its processes may have threads elsewhere (cgroup-v2, cgroup.kill).
    if (errnoNameOf(error) === "ENOTSUP") return false;
    throw error;
  }
}

function signal(pid: number): void {
  try {
    kill(pid, SIGKILL);
  } catch (error) {
    // Gone already, which was the aim.
    if (!isErrno(error, ESRCH)) throw error;
  }
}

/** How long to go on with what takes a while. */
export interface PatienceOptions {
  /** Milliseconds; 2000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Kills until no process is left in a cgroup.
 *
 * @returns whether it is empty; false at the end of patience (a process in an uninterruptible wait)
 * @throws the signal's reason when it is aborted
 */
export async function killUntilEmpty(
  cgroup: Cgroup,
  options: PatienceOptions = {},
): Promise<boolean> {
  let round = 0;
  try {
    for await (const _ of tries(options)) {
      // A process that forks as fast as it is killed is stopped, every third time: between freezing and
      // killing it needs a while to stop, between thawing and freezing again a while to die.
      if (round++ % 3 === 2) freeze(cgroup);
      else if (killAll(cgroup) === 0) return true;
    }
    return pids(cgroup).length === 0;
  } finally {
    thaw(cgroup);
  }
}

/**
 * Removes a cgroup and all below it in every hierarchy, the deepest first. The kernel keeps one
 * busy for a moment after its last process has gone, so it is tried again for a while.
 *
 * @throws LinuxError EBUSY with the path, when it still has processes at the end of patience
 * @throws the signal's reason when it is aborted
 */
export async function remove({ paths }: Cgroup, options: PatienceOptions = {}): Promise<void> {
  const left = new Set(Object.values(paths));
  for await (const _ of tries(options)) {
    for (const path of left) if (removeTree(path)) left.delete(path);
    if (left.size === 0) return;
  }
  const [path = ""] = left;
  throw new LinuxError(EBUSY, "rmdir", path);
}

/** Removes a cgroup and all below it. Returns whether nothing is left. */
function removeTree(path: string): boolean {
  for (const dir of subtree(path).reverse()) {
    try {
      Deno.removeSync(dir);
    } catch (error) {
      if (errnoNameOf(error) === "EBUSY") return false;
      if (!isGone(error)) throw error;
    }
  }
  return true;
}

/** Comes round at once, then after 1, 2, 4, … 64 ms, and a last time when the time is over. */
async function* tries({ timeoutMs = 2000, signal }: PatienceOptions): AsyncGenerator<void> {
  const end = performance.now() + timeoutMs;
  for (let delay = 1;; delay = Math.min(delay * 2, 64)) {
    signal?.throwIfAborted();
    yield;
    const rest = end - performance.now();
    if (rest <= 0) return;
    await sleep(Math.min(delay, rest));
  }
}

/** Removes a cgroup that has neither processes nor cgroups below it; any other stays as it is. */
export function removeIfEmpty({ paths }: Cgroup): void {
  for (const path of new Set(Object.values(paths))) {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!["EBUSY", "ENOTEMPTY", "ENOENT"].includes(errnoNameOf(error) ?? "")) throw error;
    }
  }
}
