// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";

/**
 * How long a removal of images waits for the commands that use some, in milliseconds: a run whose image
 * is there takes less.
 */
const PATIENCE_MS = 1_000;
/** How long a removal of leftovers waits, in milliseconds: longer than a list of images takes. */
const SHORT_PATIENCE_MS = 300;
/** The pause between two tries, in milliseconds. */
const RETRY_MS = 20;

/** A {@linkcode LayerLock} that is held, until it is disposed of. */
export interface StoreLock extends Disposable {
  /** Whether nobody else uses the store. */
  readonly alone: boolean;
}

/**
 * The lock on the layers of a store: shared by the commands that use images, held alone by the one that
 * removes layers. Changes of names do not need it.
 */
export class LayerLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Shares the lock: no layer is removed until the returned hold is disposed of. */
  use(signal?: AbortSignal): Promise<Disposable> {
    return FileLock.lock(this.#path, { shared: true, signal });
  }

  /** Takes the lock alone; returns undefined where the store is in use. */
  tryAloneAtOnce(): Disposable | undefined {
    return FileLock.tryLock(this.#path);
  }

  /** Takes the lock alone; returns undefined where the store is still in use after a short while. */
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
   * Takes the lock alone if nobody holds it, or all release it within a second; else shares it. Calls
   * `onWait` before it waits for a command that removes layers.
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
