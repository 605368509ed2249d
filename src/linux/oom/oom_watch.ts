// SPDX-License-Identifier: MIT
import type { Cgroup } from "../cgroup/find.ts";
import { EAGAIN, isErrno } from "../libc/errno.ts";
import { after } from "../event_loop/timer.ts";
import { OwnedFd, read } from "../fd/fd.ts";
import type { Poller } from "../fd/poller.ts";
import type { OomLog } from "./oom_log.ts";
import { type OomMemory, oomMemory } from "./oom_memory.ts";

/** Milliseconds after a v1 notification at which to look again for the kill that it announced. */
const LOOKS = [1, 5, 20, 100, 500];

/** An OOM kill in a container. */
export interface OomKill {
  /**
   * Directory of the cgroup whose limit was hit: the container's, one below or above it; `/` where
   * it was the machine's memory that ran out.
   */
  readonly cgroup: string;
  /** Memory limit of the cgroup, in bytes. */
  readonly limit?: number;
  /**
   * Peak usage of the cgroup, in bytes: what was in use at the kill is freed before it can be read.
   * Absent where the kernel does not keep the peak (v2 before Linux 5.19).
   */
  readonly usage?: number;
  /** OOM kills in the container so far, this one included. */
  readonly kills: number;
}

/** How an {@linkcode OomWatch} learns of kills, and where it reports them. */
export interface OomWatchOptions {
  /**
   * Waits for the kernel's notifications. Without one nothing is waited for, and kills are reported
   * by {@linkcode OomWatch.check} alone.
   */
  readonly poller?: Poller;
  /** Reports kills in a cgroup that is gone before its counters are read. */
  readonly log?: OomLog | undefined;
  /** Called once per OOM kill. */
  readonly onOom: (kill: OomKill) => void;
  /** How many kills were reported already, by a watch before this one; 0 by default. */
  readonly kills?: number;
}

/**
 * Reports every OOM kill in a container's cgroup. The truth is the kernel's counters; notifications
 * only say when to look. {@linkcode check} looks at once: call it when a process of the container
 * has exited and before that is said, then no kill is lost and none comes after its exit, for the
 * kernel counts a kill before it sends the signal. In v1 it is also what finds kills by the limit of
 * a cgroup below the container's, or of the machine, of which v1 sends no notice here; those in a
 * cgroup below are lost if it is removed before the next look, unless the container's own is, too.
 */
export class OomWatch implements Disposable {
  readonly #memory: OomMemory;
  readonly #onOom: (kill: OomKill) => void;
  readonly #log: OomLog | undefined;
  /** Returns the cgroups of the kills that the log has and that are not reported yet. */
  readonly #logged: (pid: number) => readonly string[];
  /** Returns the cgroups of the kills that the log has since the last report. */
  #loggedSince: ((pid: number) => readonly string[]) | undefined;
  /** The notification's fd and its registration. */
  readonly #armed: DisposableStack;
  /** How often each cgroup's own limit had been hit when last looked at. */
  readonly #hits = new Map<string, number>();
  /** The kills that each cgroup had counted when last looked at; one that is gone is forgotten. */
  #counts: ReadonlyMap<string, number>;
  /** OOM kills so far. */
  #kills: number;
  #timer: Disposable | undefined;

  private constructor(memory: OomMemory, options: OomWatchOptions) {
    const { poller, onOom, kills = 0, log } = options;
    this.#memory = memory;
    this.#onOom = onOom;
    this.#log = log;
    this.#kills = kills;
    using armed = new DisposableStack();
    if (poller !== undefined) {
      const { fd } = armed.use(new OwnedFd(memory.arm()));
      armed.use(poller.add(fd, () => {
        drain(fd);
        this.#checkAgain(0);
      }));
    }
    // Hits of the limits of the container's own cgroups before are the cause of the kills that are
    // not reported yet, if there are any.
    this.#counts = memory.counts();
    const late = newKills(this.#counts) - kills;
    for (const path of memory.candidates()) {
      const own = path === memory.path || path.startsWith(`${memory.path}/`);
      this.#hits.set(path, late > 0 && own ? 0 : memory.hits(path));
    }
    this.#armed = armed.move();
    this.#report(late);
    const before = this.#kills, killsOf = log?.follow(memory.path);
    this.#logged = (pid) => {
      // The log may lack the cgroup of a kill that was reported; it then has fewer before the last report.
      const all = killsOf?.(pid) ?? [], later = this.#loggedSince?.(pid) ?? [];
      return all.slice(Math.min(this.#kills - before, all.length - later.length));
    };
  }

  /**
   * Arms the notification, then reports what was counted before. `undefined` where there is no
   * memory controller.
   *
   * @throws LinuxError; Deno.errors.NotFound when the cgroup is gone
   */
  static open(cgroup: Cgroup, options: OomWatchOptions): OomWatch | undefined {
    const memory = oomMemory(cgroup);
    return memory && new OomWatch(memory, options);
  }

  /**
   * Reads the counters now and reports each new kill. Where they are gone the log tells of those since
   * the watch began: of all where it has the cgroup, else of that of `pid`, which has exited.
   */
  check(pid?: number): void {
    const before = this.#counts;
    this.#counts = this.#memory.counts();
    this.#report(newKills(this.#counts, before));
    if (this.#counts.size > 0 || pid === undefined) return;
    const logged = this.#logged(pid);
    if (logged.length > 0) this.#loggedSince = this.#log?.follow(this.#memory.path);
    for (const cgroup of logged) {
      this.#onOom({ ...this.#causeIn(cgroup), kills: ++this.#kills });
    }
  }

  #report(kills: number): void {
    if (kills <= 0) return;
    // Reads the log, too: the kernel overwrites its oldest records.
    this.#loggedSince = this.#log?.follow(this.#memory.path);
    const cause = this.#cause();
    for (let n = 0; n < kills; n++) this.#onOom({ ...cause, kills: ++this.#kills });
  }

  /** v1 notifies before it kills, so the counter may be late. */
  #checkAgain(round: number): void {
    this.#timer?.[Symbol.dispose]();
    const before = this.#kills;
    this.check();
    const late = this.#memory.early && this.#kills === before;
    const delay = late ? LOOKS[round] : undefined;
    if (delay !== undefined) this.#timer = after(delay, () => this.#checkAgain(round + 1));
  }

  /** Returns the nearest cgroup of which the limit has stood in the way since the last look. */
  #cause(): Omit<OomKill, "kills"> {
    let cause: string | undefined;
    for (const path of this.#memory.candidates()) {
      const hits = this.#memory.hits(path);
      if (hits > (this.#hits.get(path) ?? 0)) cause ??= path;
      this.#hits.set(path, hits);
    }
    return this.#causeIn(cause ?? "/");
  }

  /** Returns a cgroup with its limit and its peak, as far as they can be read. */
  #causeIn(cgroup: string): Omit<OomKill, "kills"> {
    if (cgroup === "/") return { cgroup };
    const limit = this.#memory.limit(cgroup), usage = this.#memory.peak(cgroup);
    return {
      cgroup,
      ...(limit !== undefined && { limit }),
      ...(usage !== undefined && { usage }),
    };
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#armed.dispose();
  }
}

/**
 * Returns how much was counted since `before`; a count that has shrunk is a new cgroup's by an old
 * name.
 */
function newKills(
  counts: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number> = new Map(),
): number {
  let sum = 0;
  for (const [path, count] of counts) {
    const last = before.get(path) ?? 0;
    sum += count < last ? count : count - last;
  }
  return sum;
}

/** Takes in what a notification wrote, so that the fd is no longer readable. */
function drain(fd: number): void {
  try {
    read(fd, new Uint8Array(1024));
  } catch (error) {
    // Readiness may be spurious: nothing to take in.
    if (!isErrno(error, EAGAIN)) throw error;
  }
}
