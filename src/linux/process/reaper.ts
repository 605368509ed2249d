// SPDX-License-Identifier: MIT
import { ESRCH, isErrno, LinuxError } from "../libc/errno.ts";
import { closeOnExecAll } from "../fd/fd.ts";
import { after, EventLoopHold } from "../event_loop/timer.ts";
import { kill, killGroup, prctlSubreaper } from "./process.ts";
import { type SpawnOptions, spawnProcess } from "./spawn.ts";
import { type Exit, ExitedChildren } from "./waitid.ts";

export type { SpawnOptions } from "./spawn.ts";
export type { Exit } from "./waitid.ts";

/** How many times its grace an orphan stays a zombie at most. */
const MOST_GRACES = 5;

/** A process that was started by {@linkcode Reaper.spawn}. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has exited; never rejects. */
  readonly exited: Promise<Exit>;
  /**
   * Sends a signal to it, or to its process group if it was started with one of its own. Safe: the
   * pid cannot be another's until it is reaped.
   *
   * @throws LinuxError ESRCH when it has been reaped
   */
  kill(signal: number, options?: { readonly group?: boolean }): void;
}

/** Which processes a {@linkcode Reaper} adopts and reaps. */
export interface ReaperOptions {
  /** Whether to adopt orphaned descendants (a container's init is one); false by default. */
  readonly subreaper?: boolean;
  /**
   * Whether to reap every child, unwatched orphans too; true by default. With false, only
   * those that were spawned or are watched: needed where Deno.Command is in use, which would lose
   * its children's exits, but orphans then stay zombies.
   */
  readonly reapAll?: boolean;
  /**
   * How long an orphan that nobody watches stays a zombie at least, in milliseconds; 0 by default.
   * Until then another process can read its exit status (proc_pid_stat(5)). Where exits follow each
   * other without end, the first orphan stays for {@linkcode MOST_GRACES} times as long, and the last
   * maybe shorter.
   */
  readonly orphanGraceMs?: number;
  /** Soft limit of open files of every child that is started; this process's own when left out. */
  readonly childFileLimit?: bigint;
}

/**
 * The exits of processes that were not watched when they ended, kept from when this was made until it
 * is disposed.
 */
export interface UnclaimedExits extends Disposable {
  /**
   * As {@linkcode Reaper.watch}, and at once if the exit was kept.
   *
   * @param knownAt milliseconds since the epoch at which the process was known, by a clock that may be
   *   late but not early: an exit before that is of another process, which had this pid before, if
   *   there is a process now
   * @throws LinuxError ESRCH (as a rejection) when there is no such process and no exit was kept
   */
  watch(pid: number, knownAt: number): Promise<Exit>;
}

/** Starts and reaps this process's children; at most one in a process. */
export class Reaper implements Disposable {
  readonly #options: ReaperOptions;
  readonly #entries = new Map<number, PromiseWithResolvers<Exit>>();
  /** The exits that each holder of {@linkcode bufferUnclaimedExits} has kept, by pid. */
  readonly #buffers = new Set<Map<number, Exit>>();
  readonly #exited = new ExitedChildren();
  readonly #onSigchld = () => this.#reap();
  readonly #hold = new EventLoopHold();
  /** Runs while orphans are left zombies. */
  #orphanTimer: Disposable | undefined;
  /** When the first of them was seen. */
  #orphansSince: number | undefined;

  private constructor(options: ReaperOptions) {
    this.#options = options;
  }

  /**
   * Starts reaping. Also makes every fd above 2 that this process was started with CLOEXEC.
   *
   * @throws LinuxError when it cannot become a sub-reaper
   */
  static start(options: ReaperOptions = {}): Reaper {
    const reaper = new Reaper(options);
    closeOnExecAll();
    if (options.subreaper === true) prctlSubreaper();
    Deno.addSignalListener("SIGCHLD", reaper.#onSigchld);
    return reaper;
  }

  /**
   * Starts a process; see {@linkcode spawnProcess}. It is known here before this returns, so its
   * exit cannot be missed.
   *
   * @throws LinuxError
   */
  spawn(argv: readonly string[], options?: SpawnOptions): Child {
    const { childFileLimit } = this.#options;
    const pid = spawnProcess(argv, { fileLimit: childFileLimit, ...options });
    const entry = this.#add(pid);
    return {
      pid,
      exited: entry.promise,
      kill: (signal, { group = false } = {}) => {
        if (this.#entries.get(pid) !== entry) {
          throw new LinuxError(ESRCH, "kill", `process ${pid} with signal ${signal}`);
        }
        if (group) killGroup(pid, signal);
        else kill(pid, signal);
      },
    };
  }

  /**
   * Resolves with the exit of a process that is a child of this one, or becomes one when its parent is
   * gone, such as a container's init. Never resolves for a process that another one reaps.
   *
   * @throws LinuxError ESRCH (as a rejection) when there is no such process
   */
  async watch(pid: number): Promise<Exit> {
    let entry = this.#entries.get(pid);
    if (entry === undefined) {
      entry = this.#add(pid);
      // Its SIGCHLD may have come before it was asked for.
      this.#reap();
      if (this.#entries.has(pid)) {
        try {
          kill(pid, 0);
        } catch (error) {
          this.#remove(pid);
          throw error;
        }
      }
    }
    return await entry.promise;
  }

  /**
   * Keeps the exits of processes that are not watched yet, for as long as the result is held: init may
   * die before its pid could be read from the pid file. Several may be held at once.
   */
  bufferUnclaimedExits(): UnclaimedExits {
    const kept = new Map<number, Exit>();
    this.#buffers.add(kept);
    return {
      watch: async (pid, knownAt) => {
        const exit = kept.get(pid);
        if (exit !== undefined && Date.parse(exit.at) >= Math.floor(knownAt)) return exit;
        try {
          return await this.watch(pid);
        } catch (error) {
          if (exit === undefined || !isErrno(error, ESRCH)) throw error;
          return exit;
        }
      },
      [Symbol.dispose]: () => void this.#buffers.delete(kept),
    };
  }

  /** Soft limit of open files of the children; undefined where it is this process's own. */
  get childFileLimit(): bigint | undefined {
    return this.#options.childFileLimit;
  }

  /** Whether this process has any child that has not exited. */
  get hasChildren(): boolean {
    this.#reap();
    return this.#exited.hasAny;
  }

  /** Number of processes alive that were spawned or are watched. */
  get watchedCount(): number {
    return this.#entries.size;
  }

  /** Stops reaping; the exits still awaited stay pending. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGCHLD", this.#onSigchld);
    if (this.#options.subreaper === true) prctlSubreaper(false);
    for (const pid of this.#entries.keys()) this.#remove(pid);
    this.#buffers.clear();
    this.#orphanTimer?.[Symbol.dispose]();
  }

  #add(pid: number): PromiseWithResolvers<Exit> {
    const entry = Promise.withResolvers<Exit>();
    this.#entries.set(pid, entry);
    // A signal listener does not keep the event loop going, so an awaited exit could end it.
    this.#hold.hold();
    return entry;
  }

  #remove(pid: number): void {
    this.#entries.delete(pid);
    if (this.#entries.size === 0) this.#hold.release();
  }

  /** Takes every exit there is: signals coalesce, so one SIGCHLD may stand for many. */
  #reap(): void {
    if (this.#options.reapAll === false) {
      for (const pid of this.#entries.keys()) this.#reapOne(pid);
    } else if (!this.#leavesOrphans()) {
      while (this.#reapOne());
    }
  }

  /** Reaps what is watched alone if there is an orphan that stays for a while; false if none does. */
  #leavesOrphans(): boolean {
    const { orphanGraceMs = 0 } = this.#options;
    // Where exits are kept for later callers, they are kept at once.
    if (orphanGraceMs === 0 || this.#buffers.size > 0) return false;
    let pid: number;
    while (this.#entries.has(pid = this.#exited.peek())) this.#reapOne(pid);
    if (pid === 0) return true;
    // The kernel would name the same one again and again.
    for (const watched of this.#entries.keys()) this.#reapOne(watched);
    // This signal may be of one more orphan, which has its time too.
    const now = performance.now();
    this.#orphansSince ??= now;
    this.#orphanTimer?.[Symbol.dispose]();
    const most = Math.max(0, this.#orphansSince + MOST_GRACES * orphanGraceMs - now);
    this.#orphanTimer = after(Math.min(orphanGraceMs, most), () => {
      this.#orphansSince = undefined;
      while (this.#reapOne());
    });
    return true;
  }

  /** Reaps the process, or any where it is left out; false when none is there to be. */
  #reapOne(pid?: number): boolean {
    const exit = this.#exited.reap(pid);
    if (exit !== undefined) this.#settle(exit);
    return exit !== undefined;
  }

  #settle(exit: Exit): void {
    const entry = this.#entries.get(exit.pid);
    if (entry !== undefined) {
      this.#remove(exit.pid);
      entry.resolve(exit);
    } else {
      for (const kept of this.#buffers) kept.set(exit.pid, exit);
    }
  }
}
