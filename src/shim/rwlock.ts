// SPDX-License-Identifier: MIT

interface LockRequest {
  readonly exclusive: boolean;
  readonly go: () => void;
}

/**
 * A fair read-write lock for async work: many holders may share it (several execs at once), or one
 * holds it exclusively (create, start, pause, delete …).
 */
export class RwLock {
  #shared = 0;
  #exclusive = false;
  readonly #queue: LockRequest[] = [];

  /** Runs `work` while the lock is held by no other caller. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work);
  }

  /** Runs `work` while the lock is not held exclusively. */
  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work);
  }

  async #run<T>(exclusive: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || !this.#free(exclusive)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push({ exclusive, go: resolve });
      await promise;
    } else {
      this.#take(exclusive);
    }
    try {
      return await work();
    } finally {
      this.#release(exclusive);
    }
  }

  #free(exclusive: boolean): boolean {
    return !this.#exclusive && (!exclusive || this.#shared === 0);
  }

  #take(exclusive: boolean): void {
    if (exclusive) this.#exclusive = true;
    else this.#shared++;
  }

  #release(exclusive: boolean): void {
    if (exclusive) this.#exclusive = false;
    else this.#shared--;
    // The lock is taken on the waiter's behalf here, so that no other slips in before it runs.
    for (let next = this.#queue[0]; next && this.#free(next.exclusive); next = this.#queue[0]) {
      this.#queue.shift();
      this.#take(next.exclusive);
      next.go();
    }
  }
}
