// SPDX-License-Identifier: MIT
import { FileLock } from "../linux/fd/file_lock.ts";
import { ENOENT, isErrno } from "../linux/libc/errno.ts";
import { sleep } from "../linux/event_loop/timer.ts";
import { killIfSame } from "../linux/process/process.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import { type LiveProcess, liveProcesses } from "../linux/process/stat.ts";

/** The runs of plugins, and of what they start, for one container. */
export interface PluginRuns {
  /** The container's id as plugins get it. */
  readonly containerId: string;
  /** Path of the file that each of them has locked; in a directory that may be gone. */
  readonly lock: string;
}

/** How long killed processes are waited for, in milliseconds. */
const KILL_BOUND = 5_000;

/**
 * Waits until no plugin works for this container any more, nor what it has started, such as
 * `iptables`; after `graceMs` they are killed. A plugin outlives the daemon that started it: what
 * it adds must not come after what removes it.
 *
 * Each inherits a lock, also one that was not yet executed when its parent died. What has closed the
 * lock's file, as some languages do for their children, is known by its environment.
 *
 * @throws {Error} if one does not die.
 */
export async function endPluginRuns(runs: PluginRuns, graceMs: number): Promise<void> {
  const begun = performance.now();
  for (let delay = 2;; delay = Math.min(2 * delay, 100)) {
    const locked = isLocked(runs.lock);
    const named = processesWhere((pid) => isNamed(pid, runs));
    if (!locked && named.length === 0) return;
    const waited = performance.now() - begun;
    if (waited >= graceMs) {
      const holders = locked ? processesWhere((pid) => hasOpen(pid, runs.lock)) : [];
      for (const { pid, startTime } of [...named, ...holders]) killIfSame(pid, startTime, SIGKILL);
    }
    if (waited >= graceMs + KILL_BOUND) {
      const pid = named.length > 0 ? `: pid ${named[0]?.pid}` : "";
      throw new Error(`CNI plugins for ${runs.containerId} do not die of SIGKILL${pid}`);
    }
    await sleep(delay);
  }
}

/** Returns whether a process has the lock that programs inherit. */
function isLocked(path: string): boolean {
  try {
    using lock = FileLock.tryLock(path);
    return lock === undefined;
  } catch (error) {
    // The network's directory is not there: nothing was ever run, or all of it has ended.
    if (isErrno(error, ENOENT)) return false;
    throw error;
  }
}

function processesWhere(matches: (pid: number) => boolean): LiveProcess[] {
  return liveProcesses((pid) => pid !== Deno.pid && matches(pid));
}

/** Returns whether a process has `CNI_CONTAINERID` as a plugin gets it, and passes it on. */
function isNamed(pid: number, { containerId }: PluginRuns): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0")
      .includes(`CNI_CONTAINERID=${containerId}`);
  } catch {
    // It has ended since it was listed, or is a kernel thread.
    return false;
  }
}

function hasOpen(pid: number, path: string): boolean {
  const dir = `/proc/${pid}/fd`;
  try {
    const real = Deno.realPathSync(path);
    return [...Deno.readDirSync(dir)].some(({ name }) => linkAt(`${dir}/${name}`) === real);
  } catch {
    // It has ended since it was listed.
    return false;
  }
}

function linkAt(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    // Closed since it was listed.
    return undefined;
  }
}
