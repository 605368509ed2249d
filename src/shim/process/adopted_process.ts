// SPDX-License-Identifier: MIT
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import type { ProcessContext } from "./process_context.ts";
import { Pidfd, zombieStatus } from "../../linux/process/process.ts";
import type { Exit } from "../../linux/process/reaper.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import type { ProcessHandle } from "./signal.ts";

/** The parts of the shim that watch a process which is not its child. */
type AdoptionContext = Pick<ProcessContext, "poller" | "reserve">;

/** Delays between attempts to read the exit status: 0.2 s in all. */
const STATUS_RETRY = { first: 1, most: 100, attempts: 8 };

/**
 * A process of a dead shim. It is the child of another process, so this one holds and signals it by a
 * pidfd. Its exit status can be read while it is a zombie; since Linux 6.15 also later.
 */
export class AdoptedProcess implements ProcessHandle, Disposable {
  /** See {@linkcode ProcessHandle}; rejects if the exit status is not available. */
  readonly exited: Promise<Exit>;
  readonly #pidfd: Pidfd;
  readonly #stop = new AbortController();

  private constructor(pidfd: Pidfd, context: AdoptionContext) {
    this.#pidfd = pidfd;
    this.exited = this.#exit(context);
  }

  /**
   * Opens the process `pid`. Returns undefined if there is none, or if `verify` does not confirm that
   * it is the expected one. `verify` is called while the process is held, so a reused pid is noticed.
   */
  static async open(
    pid: number,
    context: AdoptionContext,
    verify: () => boolean | Promise<boolean>,
  ): Promise<AdoptedProcess | undefined> {
    let pidfd: Pidfd;
    try {
      pidfd = Pidfd.open(pid);
    } catch (error) {
      if (isErrno(error, ESRCH)) return undefined;
      throw error;
    }
    let found = false;
    try {
      found = await verify();
    } finally {
      if (!found) pidfd[Symbol.dispose]();
    }
    return found ? new AdoptedProcess(pidfd, context) : undefined;
  }

  /**
   * Signals it.
   *
   * @throws {LinuxError} ESRCH when it has exited.
   */
  signal(signal: number): void {
    this.#pidfd.sendSignal(signal);
  }

  async #exit({ poller, reserve }: AdoptionContext): Promise<Exit> {
    const { signal } = this.#stop;
    const { pid } = this.#pidfd;
    try {
      await poller.wait(this.#pidfd.fd, "readable", { signal });
      const at = new Date().toISOString();
      for (const delay of backoff(STATUS_RETRY)) {
        // Reaped or a zombie: between the two questions it may become the former.
        const status = reserve.run(() => zombieStatus(pid)) ?? this.#pidfd.exitStatus();
        if (status !== undefined) return { pid, status, at };
        await delay(signal);
        signal.throwIfAborted();
      }
    } catch (error) {
      // The process was released.
      if (signal.aborted) return await Promise.withResolvers<Exit>().promise;
      throw error;
    } finally {
      this.#pidfd[Symbol.dispose]();
    }
    throw new Error(`exit status of process ${pid} is not available`);
  }

  /** Releases the process; {@linkcode exited} then stays pending. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
