// SPDX-License-Identifier: MIT

/** Lets at most so many at a time go on: first come, first served. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param permits how many may have one at a time. */
  constructor(permits: number) {
    this.#free = permits;
  }

  /** Waits for a permit; dispose the result to give it back. */
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
