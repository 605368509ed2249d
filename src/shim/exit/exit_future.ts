// SPDX-License-Identifier: MIT
import type { ProcessExit } from "../../oci/process_exit.ts";

/** The published exit of one process, which callers can wait for. */
export class ExitFuture {
  #exit: ProcessExit | undefined;
  readonly #waiters = new Set<(exit: ProcessExit) => void>();

  /** Resolves all pending waits. Later waits resolve at once. */
  resolve(exit: ProcessExit): void {
    this.#exit = exit;
    for (const waiter of this.#waiters) waiter(exit);
    this.#waiters.clear();
  }

  /** Waits for the exit to be published. Rejects with the signal's reason when that is aborted. */
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
