// SPDX-License-Identifier: MIT
import { openFiles, processesOf } from "../processes.ts";
import type { TestDaemon } from "../daemon.ts";
import { baseName } from "../run.ts";
import { cgroupsOf, filesIn, mountsOf, unixSocketsOf } from "./traces.ts";

/** The things that a daemon and its containers take up, as names that a failed test can print. */
interface Snapshot {
  readonly processes: readonly string[];
  readonly zombies: readonly string[];
  readonly mounts: readonly string[];
  readonly sockets: readonly string[];
  readonly cgroups: readonly string[];
  readonly files: readonly string[];
  readonly descriptors: readonly string[];
}

/** How {@linkcode LeakAudit.assertClean} waits. */
export interface AuditOptions {
  /** Milliseconds until what is left counts as leaked; 60 000 if left out: idle shims take 10 000. */
  readonly timeoutMs?: number;
  /** Files below the daemon's directory that may be there although they were not before. */
  readonly ignoreFiles?: RegExp;
}

/**
 * Compares what a daemon takes up with what it took up at the start: processes, zombies, mounts,
 * Unix sockets, cgroups, files and the daemon's own descriptors. The baseline is taken after a first
 * container has come and gone, so that what is made once is part of it.
 */
export class LeakAudit {
  readonly #daemon: TestDaemon;
  readonly #baseline: Snapshot;

  private constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
    this.#baseline = snapshot(daemon);
  }

  /** Takes the baseline. */
  static take(daemon: TestDaemon): LeakAudit {
    return new LeakAudit(daemon);
  }

  /** Runs a first container to its end, and takes the baseline then. */
  static async warm(daemon: TestDaemon): Promise<LeakAudit> {
    await daemon.life("warm-up");
    return LeakAudit.take(daemon);
  }

  /**
   * Resolves once nothing is there that was not there at the start; what goes away by itself gets
   * the time to. After the deadline throws an `Error` that names what is left.
   */
  async assertClean(options: AuditOptions = {}): Promise<void> {
    const { timeoutMs = 60_000, ignoreFiles } = options;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = this.#left(ignoreFiles);
      if (left.length === 0) return;
      if (performance.now() > deadline) {
        throw new Error(`left over after ${timeoutMs} ms:\n  ${left.join("\n  ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #left(ignoreFiles: RegExp | undefined): string[] {
    const now = snapshot(this.#daemon);
    const files = now.files.filter((name) => ignoreFiles === undefined || !ignoreFiles.test(name));
    return [
      ...more("process", now.processes, this.#baseline.processes),
      ...more("zombie", now.zombies, this.#baseline.zombies),
      ...more("mount", now.mounts, this.#baseline.mounts),
      ...more("socket", now.sockets, this.#baseline.sockets),
      ...more("cgroup", now.cgroups, this.#baseline.cgroups),
      ...more("file", files, this.#baseline.files),
      ...more("descriptor of the daemon", now.descriptors, this.#baseline.descriptors),
    ];
  }
}

function snapshot(daemon: TestDaemon): Snapshot {
  const marker = baseName(daemon.dir);
  const processes = processesOf(marker);
  return {
    processes: processes.filter(({ state }) => state !== "Z").map(({ command }) => command),
    zombies: processes.filter(({ state }) => state === "Z").map(({ command }) => command),
    mounts: mountsOf(marker),
    // The kernel keeps the name that a socket was bound to before it was moved into place.
    sockets: unixSocketsOf(marker).map((path) => path.replace(/\.bind-[0-9a-f]+/, ".bind-N")),
    cgroups: cgroupsOf(daemon.cgroup),
    // The journal and the logs grow by design; their number is bounded by their own tests.
    files: filesIn(daemon.dir).filter((name) => !/^state\/events\/|\.log$|^runtime-/.test(name)),
    descriptors: openFiles(daemon.pid).map(kind),
  };
}

/** A descriptor without what differs from one to the next of its kind: inode numbers, pids, segments. */
function kind(target: string): string {
  return target.replace(/:\[\d+\]$/, "").replace(/\/proc\/\d+/, "/proc/N")
    .replace(/\/events\/\d+\./, "/events/N.");
}

/** Returns the names that `now` has more often than `before`, with the number where it is not one. */
function more(what: string, now: readonly string[], before: readonly string[]): string[] {
  const count = (names: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  };
  const old = count(before);
  return [...count(now)].flatMap(([name, number]) => {
    const extra = number - (old.get(name) ?? 0);
    return extra > 0 ? [`${what}: ${name}${extra > 1 ? ` (${extra} of them)` : ""}`] : [];
  });
}
