// SPDX-License-Identifier: MIT
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import type { ProcessContext } from "./process_context.ts";
import { Pidfd, zombieStatus } from "../../linux/process/process.ts";
import type { Exit } from "../../linux/process/reaper.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import type { ProcessHandle } from "./signal.ts";

/** What an {@linkcode AdoptedProcess} needs of the shim. */
type AdoptionContext = Pick<ProcessContext, "poller" | "reserve">;

/** How long apart, in milliseconds, the exit status is asked for. */
const TOLD_WITHIN = [1, 2, 5, 10, 20, 50, 100];

/**
 * A process of a shim that has died, which is the child of somebody else: held and signalled by a
 * pidfd. Its exit status can be read while it is a zombie, and from Linux 6.15 on later too.
 */
export class AdoptedProcess implements ProcessHandle, Disposable {
  /** See {@linkcode ProcessHandle}; rejects if nobody tells how it ended. */
  readonly exited: Promise<Exit>;
  readonly #pidfd: Pidfd;
  readonly #stop = new AbortController();

  private constructor(pidfd: Pidfd, context: AdoptionContext) {
    this.#pidfd = pidfd;
    this.exited = this.#exit(context);
  }

  /**
   * Opens the process `pid` if `isIt` then says that it is the one that is meant: asked while
   * the pid cannot change hands unnoticed. Undefined if there is none, or it is not.
   */
  static async open(
    pid: number,
    context: AdoptionContext,
    isIt: () => boolean | Promise<boolean>,
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
      found = await isIt();
    } finally {
      if (!found) pidfd[Symbol.dispose]();
    }
    return found ? new AdoptedProcess(pidfd, context) : undefined;
  }

  /** See {@linkcode ProcessHandle}. */
  signal(signal: number): void {
    this.#pidfd.sendSignal(signal);
  }

  async #exit({ poller, reserve }: AdoptionContext): Promise<Exit> {
    const { signal } = this.#stop;
    const { pid } = this.#pidfd;
    try {
      await poller.wait(this.#pidfd.fd, "readable", { signal });
      const at = new Date().toISOString();
      for (const delay of TOLD_WITHIN) {
        // Reaped or a zombie: between the two questions it may become the former.
        const status = reserve.run(() => zombieStatus(pid)) ?? this.#pidfd.exitStatus();
        if (status !== undefined) return { pid, status, at };
        await sleep(delay, { signal });
      }
    } catch (error) {
      // Nobody asks any more.
      if (signal.aborted) return await Promise.withResolvers<Exit>().promise;
      throw error;
    } finally {
      this.#pidfd[Symbol.dispose]();
    }
    throw new Error(`nobody tells how process ${pid} ended`);
  }

  /** Lets go of it; {@linkcode exited} then stays pending. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
