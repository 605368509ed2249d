// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";

/**
 * How long one who removes images waits for those who use some, in milliseconds: a run whose image is
 * there takes less.
 */
const PATIENCE_MS = 1_000;
/** How long one waits who removes only what is left, in milliseconds: longer than a look at images. */
const SHORT_PATIENCE_MS = 300;
/** How long it waits between two tries. */
const RETRY_MS = 20;

/** A {@linkcode LayerLock} that is held, until it is disposed of. */
export interface StoreLock extends Disposable {
  /** Whether nobody else uses the store. */
  readonly alone: boolean;
}

/** The lock that several hold who use images, or one alone who removes layers. Names are no layers. */
export class LayerLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Keeps layers from being removed until it is disposed of. */
  use(signal?: AbortSignal): Promise<Disposable> {
    return FileLock.lock(this.#path, { shared: true, ...(signal && { signal }) });
  }

  /** Keeps others out until it is disposed of; undefined where somebody uses the store. */
  tryAloneAtOnce(): Disposable | undefined {
    return FileLock.tryLock(this.#path);
  }

  /**
   * Keeps others out until it is disposed of, where the store is not in use or is only looked at; else
   * undefined, after a short while.
   */
  tryAlone(): Promise<Disposable | undefined> {
    return this.#aloneWithin(SHORT_PATIENCE_MS);
  }

  async #aloneWithin(patience: number, signal?: AbortSignal): Promise<Disposable | undefined> {
    for (const deadline = performance.now() + patience;;) {
      const lock = this.tryAloneAtOnce();
      if (lock !== undefined || performance.now() > deadline) return lock;
      await sleep(RETRY_MS);
      signal?.throwIfAborted();
    }
  }

  /**
   * Keeps others out until it is disposed of, if nobody uses the store or all let go of it within a
   * second; else only keeps layers from being removed meanwhile. Calls `onWait` before it waits for one
   * who removes some.
   *
   * @throws the signal's reason.
   */
  async aloneIfFree(onWait: () => void, signal: AbortSignal): Promise<StoreLock> {
    const held = (lock: Disposable, alone: boolean) => ({
      alone,
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    });
    let patience = PATIENCE_MS;
    for (let told = false;; told = true) {
      const alone = await this.#aloneWithin(patience, signal);
      if (alone !== undefined) return held(alone, true);
      const shared = FileLock.tryLock(this.#path, { shared: true });
      if (shared !== undefined) return held(shared, false);
      if (!told) onWait();
      patience = RETRY_MS;
    }
  }
}
