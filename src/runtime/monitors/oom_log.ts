// SPDX-License-Identifier: MIT
import type { KernelLog } from "../../linux/fd/kernel_log.ts";
import { logFailure } from "../util/log_failure.ts";

/** The kills that are remembered, and the victims whose kill is not logged yet. */
const MOST = 1024;

/** An OOM kill that the kernel has logged. */
interface LoggedKill {
  readonly pid: number;
  /** The victim's cgroup from the root of its hierarchy; undefined where the kernel did not say. */
  readonly cgroup: string | undefined;
}

/**
 * The OOM kills in the kernel's log, for the cgroups that are removed before their counters are read:
 * systemd removes that of a scope as soon as its last process has ended. The kernel logs the victim's
 * cgroup (`dump_oom_summary`, at most ten in five seconds), then its pid (`__oom_kill_process`, always;
 * both in mm/oom_kill.c).
 */
export class OomLog implements Disposable {
  readonly #log: Pick<KernelLog, "read" | typeof Symbol.dispose>;
  readonly #cgroups = new Map<number, string>();
  readonly #kills: LoggedKill[] = [];
  #forgotten = 0;

  constructor(log: Pick<KernelLog, "read" | typeof Symbol.dispose>) {
    this.#log = log;
  }

  /** Returns how many kills were logged so far, as {@linkcode killsSince} takes it. */
  mark(): number {
    this.#read();
    return this.#forgotten + this.#kills.length;
  }

  /**
   * Returns how many processes were killed since `mark` in a cgroup and those below it. `path` is the
   * cgroup's as this process sees it, whose root may be further down than that of the log's paths;
   * `pid` is one of the processes, for where the log has no cgroup.
   */
  killsSince(mark: number, path: string, pid: number): number {
    this.#read();
    const own = `${path}/`;
    return this.#kills.slice(Math.max(0, mark - this.#forgotten)).filter((kill) =>
      kill.cgroup === undefined ? kill.pid === pid : `${kill.cgroup}/`.includes(own)
    ).length;
  }

  #read(): void {
    for (const text of this.#texts()) {
      const [, cgroup, victim] = /^oom-kill:.*,task_memcg=(.*),task=.*,pid=(\d+),/.exec(text) ?? [];
      if (cgroup !== undefined) this.#cgroups.set(Number(victim), cgroup);
      // Not behind a slash, as in a cgroup's name that another line quotes.
      const killed = /^[^/]*: Killed process (\d+) \(/.exec(text)?.[1];
      if (killed === undefined) continue;
      const pid = Number(killed);
      this.#kills.push({ pid, cgroup: this.#cgroups.get(pid) });
      this.#cgroups.delete(pid);
    }
    while (this.#kills.length > MOST) {
      this.#kills.shift();
      this.#forgotten++;
    }
    if (this.#cgroups.size > MOST) this.#cgroups.clear();
  }

  /** What was logged since the last call. A log that fails ends no create: it tells less. */
  #texts(): readonly string[] {
    try {
      return this.#log.read();
    } catch (error) {
      logFailure("warn", "oom", "the kernel's log cannot be read: {reason}", error);
      return [];
    }
  }

  [Symbol.dispose](): void {
    this.#log[Symbol.dispose]();
  }
}
