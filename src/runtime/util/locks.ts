// SPDX-License-Identifier: MIT
// Locks for async code. Each serves the first caller first, and is released by disposing of its result.

/** Lets one at a time go on. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();

  /** Waits for the lock. */
  async acquire(): Promise<Disposable> {
    const before = this.#tail;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tail = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  }
}

/** A {@linkcode Mutex} for each key, there while a caller has it or waits for it. */
export class KeyedMutex {
  readonly #entries = new Map<string, { lock: Mutex; users: number }>();

  /** Waits for the lock of `key`. */
  async acquire(key: string): Promise<Disposable> {
    const entry = this.#entries.get(key) ?? { lock: new Mutex(), users: 0 };
    this.#entries.set(key, entry);
    entry.users++;
    const held = await entry.lock.acquire();
    return {
      [Symbol.dispose]: () => {
        held[Symbol.dispose]();
        if (--entry.users === 0) this.#entries.delete(key);
      },
    };
  }
}

/** Lets at most so many at a time go on. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param permits how many may have one at a time. */
  constructor(permits: number) {
    this.#free = permits;
  }

  /** Waits for a permit. */
  async acquire(): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { [Symbol.dispose]: () => this.#release() };
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
