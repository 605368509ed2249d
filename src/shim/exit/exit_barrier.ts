// SPDX-License-Identifier: MIT
import type { ProcessExit } from "../process/init_states.ts";

/** The published exit of one process, and who waits for it. */
export class ExitFuture {
  #exit: ProcessExit | undefined;
  readonly #waiters = new Set<(exit: ProcessExit) => void>();

  /** The exit; undefined before it was published. */
  get value(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Answers everybody who waits, and from now on at once. */
  resolve(exit: ProcessExit): void {
    this.#exit = exit;
    for (const waiter of this.#waiters) waiter(exit);
    this.#waiters.clear();
  }

  /** Answers when the exit is published; rejects with the signal's reason when that is aborted. */
  wait(signal?: AbortSignal): Promise<ProcessExit> {
    if (this.#exit !== undefined) return Promise.resolve(this.#exit);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<ProcessExit>();
    const onAbort = () => {
      this.#waiters.delete(waiter);
      reject(signal?.reason);
    };
    const waiter = (exit: ProcessExit) => {
      signal?.removeEventListener("abort", onAbort);
      resolve(exit);
    };
    this.#waiters.add(waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
    return promise;
  }
}

/**
 * Holds back the exit of init until everything is published that has to come before it: the exit of
 * each exec, and the start that it overtook.
 */
export class ExitBarrier {
  #holds = 0;
  #publish: (() => void) | undefined;
  #passed = false;

  /** Whether the exit of init has been published: nothing may come after it. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Holds the exit back until the result is disposed. */
  block(): Disposable {
    this.#holds++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holds--;
        if (this.#holds === 0) this.force();
      },
    };
  }

  /** Publishes the exit as soon as nothing holds it back. Answers whether that was at once. */
  pass(publish: () => void): boolean {
    this.#publish = publish;
    if (this.#holds === 0) this.force();
    return this.#passed;
  }

  /** Publishes the exit, if there is one, whatever holds it back. */
  force(): void {
    const publish = this.#publish;
    if (publish === undefined) return;
    this.#publish = undefined;
    this.#passed = true;
    publish();
  }
}
