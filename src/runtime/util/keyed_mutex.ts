// SPDX-License-Identifier: MIT
import { Mutex } from "./mutex.ts";

/** A {@linkcode Mutex} for each key, there while a caller has it or waits for it. */
export class KeyedMutex {
  readonly #entries = new Map<string, { lock: Mutex; users: number }>();

  /** Waits for the lock of `key`; dispose the result to release it. */
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
