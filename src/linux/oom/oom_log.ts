// SPDX-License-Identifier: MIT
import { cgroupHierarchies, type Hierarchy, pathBelow } from "../cgroup/find.ts";
import { KernelLog } from "./kernel_log.ts";

/** The kills that are remembered, and the victims whose kill is not logged yet. */
const MOST = 1024;

/** An OOM kill that the kernel has logged. */
interface LoggedKill {
  readonly pid: number;
  /** Where it happened; undefined where the kernel did not say. */
  readonly place: KillPlace | undefined;
}

/** Cgroups of a kill, as paths from the root of the hierarchy. */
interface KillPlace {
  readonly cgroup: string;
  /** The one whose limit was hit; `/` where it was the machine's memory that ran out. */
  readonly limited: string;
}

/** Options and callbacks of an {@linkcode OomLog}, besides the log. */
export interface OomLogOptions {
  /** Result of {@linkcode cgroupHierarchies}, which is called when it is needed if this is left out. */
  readonly hierarchies?: readonly Hierarchy[];
  /** Called when the log cannot be read, which ends no create. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The OOM kills in the kernel's log, for the cgroups that are removed before their counters are read:
 * systemd removes that of a scope as soon as its last process has ended. The kernel logs the victim's
 * cgroup (`dump_oom_summary`, at most ten in five seconds), then its pid (`__oom_kill_process`, always;
 * both in mm/oom_kill.c).
 */
export class OomLog implements Disposable {
  readonly #log: Pick<KernelLog, "read" | typeof Symbol.dispose>;
  readonly #options: OomLogOptions;
  readonly #places = new Map<number, KillPlace>();
  readonly #kills: LoggedKill[] = [];
  #forgotten = 0;

  /**
   * Opens the kernel's log, to read it from now on; undefined where there is none, as in a container.
   *
   * @throws LinuxError such as EPERM for lack of CAP_SYSLOG
   */
  static open(options: OomLogOptions): OomLog | undefined {
    return KernelLog.isThere() ? new OomLog(new KernelLog(), options) : undefined;
  }

  constructor(log: Pick<KernelLog, "read" | typeof Symbol.dispose>, options: OomLogOptions) {
    this.#log = log;
    this.#options = options;
  }

  /**
   * Follows the kills in the cgroup at the directory `dir` from now on: returns {@linkcode killsSince},
   * with directories in place of paths.
   */
  follow(dir: string): (pid: number) => string[] {
    const mark = this.mark();
    return (pid) => {
      const path = pathBelow(dir, this.#options.hierarchies ?? cgroupHierarchies());
      if (path === undefined) return [];
      const mountPoint = dir.slice(0, -path.length);
      return this.killsSince(mark, path, pid)
        .map((limited) => limited === "/" ? limited : mountPoint + limited);
    };
  }

  /** Returns how many kills were logged so far, as {@linkcode killsSince} takes it. */
  mark(): number {
    this.#read();
    return this.#forgotten + this.#kills.length;
  }

  /**
   * Returns for each process that was killed since `mark` in a cgroup or below it the cgroup whose
   * limit was hit; `/` where that is the machine's, or of none that is seen here. `path` is the
   * cgroup's as this process sees it, whose root may be further down than that of the log's paths;
   * `pid` is one of the processes, for where the log has no cgroup.
   */
  killsSince(mark: number, path: string, pid: number): string[] {
    this.#read();
    return this.#kills.slice(Math.max(0, mark - this.#forgotten)).flatMap(({ place, ...kill }) => {
      if (place === undefined) return kill.pid === pid ? [path] : [];
      const root = `${place.cgroup}/`.indexOf(`${path}/`);
      if (root === -1) return [];
      return [place.limited.length > root ? place.limited.slice(root) : "/"];
    });
  }

  #read(): void {
    for (const text of this.#texts()) {
      const [, cause, cgroup, victim] =
        /^oom-kill:.*,(global_oom|oom_memcg=.*),task_memcg=(.*),task=.*,pid=(\d+),/s.exec(text) ??
          [];
      if (cause !== undefined && cgroup !== undefined) {
        const limited = cause === "global_oom" ? "/" : cause.slice("oom_memcg=".length);
        this.#places.set(Number(victim), { cgroup, limited });
      }
      // Not behind a slash, as in a cgroup's name that another line quotes.
      const killed = /^[^/]*: Killed process (\d+) \(/s.exec(text)?.[1];
      if (killed === undefined) continue;
      const pid = Number(killed);
      this.#kills.push({ pid, place: this.#places.get(pid) });
      this.#places.delete(pid);
    }
    while (this.#kills.length > MOST) {
      this.#kills.shift();
      this.#forgotten++;
    }
    if (this.#places.size > MOST) this.#places.clear();
  }

  /** Returns what was logged since the last call. */
  #texts(): readonly string[] {
    try {
      return this.#log.read();
    } catch (error) {
      this.#options.onFailure(error);
      return [];
    }
  }

  [Symbol.dispose](): void {
    this.#log[Symbol.dispose]();
  }
}
