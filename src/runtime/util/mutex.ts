// SPDX-License-Identifier: MIT

/** A mutex for async code: first come, first served. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();

  /** Waits for the lock; dispose the result to release it. */
  async acquire(): Promise<Disposable> {
    const before = this.#tail;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tail = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  }
}
