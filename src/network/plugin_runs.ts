// SPDX-License-Identifier: MIT
import { sleep } from "../linux/event_loop/timer.ts";
import { killIfSame } from "../linux/process/process.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import { processStat } from "../linux/process/stat.ts";

/** A process by pid and start time, which together name it for good. */
interface ProcessRef {
  readonly pid: number;
  readonly startTime: number;
}

/** How long killed processes are waited for, in milliseconds. */
const KILL_BOUND = 5_000;

/**
 * Waits until no plugin works for this container any more, nor what it has started, such as
 * `iptables`; after `graceMs` they are killed. A plugin outlives the daemon that started it: what
 * it adds must not come after what removes it.
 *
 * @throws {Error} if one does not die.
 */
export async function endPluginRuns(containerId: string, graceMs: number): Promise<void> {
  const begun = performance.now();
  for (let delay = 2;; delay = Math.min(2 * delay, 100)) {
    const runs = pluginRuns(containerId);
    if (runs.length === 0) return;
    const waited = performance.now() - begun;
    if (waited >= graceMs) {
      for (const { pid, startTime } of runs) killIfSame(pid, startTime, SIGKILL);
    }
    if (waited >= graceMs + KILL_BOUND) {
      throw new Error(`CNI plugins for ${containerId} do not die of SIGKILL: pid ${runs[0]?.pid}`);
    }
    await sleep(delay);
  }
}

/**
 * Returns the processes that have `CNI_CONTAINERID` in their environment as a plugin gets it, and
 * passes it on.
 */
function pluginRuns(containerId: string): ProcessRef[] {
  const runs: ProcessRef[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    if (!environmentOf(pid).includes(`CNI_CONTAINERID=${containerId}`)) continue;
    const stat = processStat(pid);
    if (stat === undefined || stat.state === "Z" || stat.state === "X") continue;
    runs.push({ pid, startTime: stat.startTime });
  }
  return runs;
}

function environmentOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
  } catch {
    // It has ended since it was listed, or is a kernel thread.
    return [];
  }
}
