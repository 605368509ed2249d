// SPDX-License-Identifier: MIT

/** Age above which an account is not looked on as any worse, milliseconds. */
const OLDEST_MS = 60_000;

/**
 * Bounds the bytes that the connections of one server hold in all: output that is not read, lines
 * that do not end, requests that run. When they hold more than the limit, the connections that hold
 * much and have done so for long are closed, so that the others go on.
 */
export class ByteBudget {
  readonly #limit: number;
  readonly #accounts = new Set<ByteAccount>();
  #used = 0;

  /** `limit` is in bytes; infinite where it is left out. */
  constructor(limit: number = Infinity) {
    this.#limit = limit;
  }

  /** Bytes that all accounts hold. */
  get used(): number {
    return this.#used;
  }

  /** Opens the account of one connection; `onOver` must close that connection. */
  open(onOver: () => void): ByteAccount {
    const account = new ByteAccount(onOver, {
      change: (delta) => {
        this.#used += delta;
        if (delta > 0 && this.#used > this.#limit) this.#evict();
      },
      closed: () => this.#accounts.delete(account),
    });
    this.#accounts.add(account);
    return account;
  }

  #evict(): void {
    while (this.#used > this.#limit) {
      const worst = this.#worst();
      if (worst === undefined) return;
      worst.onOver();
      worst.close();
    }
  }

  /**
   * Returns the account with the most bytes × time. Those far below the average are left in peace.
   */
  #worst(): ByteAccount | undefined {
    const now = performance.now();
    const least = this.#used / this.#accounts.size / 2;
    let worst: ByteAccount | undefined;
    let most = -1;
    for (const account of this.#accounts) {
      if (account.bytes < least) continue;
      const score = account.bytes * Math.min(now - account.since, OLDEST_MS);
      if (score > most) [worst, most] = [account, score];
    }
    return worst;
  }
}

/** The bytes that one connection holds; see {@linkcode ByteBudget}. */
export class ByteAccount {
  /** Closes the connection. */
  readonly onOver: () => void;
  readonly #budget: { change(delta: number): void; closed(): void };
  #bytes = 0;
  #since = 0;
  #closed = false;

  /** Made by {@linkcode ByteBudget.open}. */
  constructor(onOver: () => void, budget: { change(delta: number): void; closed(): void }) {
    this.onOver = onOver;
    this.#budget = budget;
  }

  /** Bytes that the connection holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When it last began to hold any, on the clock of `performance.now()`. */
  get since(): number {
    return this.#since;
  }

  /** Counts `delta` bytes more, or fewer where it is negative. May close the connection. */
  add(delta: number): void {
    if (this.#closed || delta === 0) return;
    if (this.#bytes === 0) this.#since = performance.now();
    this.#bytes += delta;
    this.#budget.change(delta);
  }

  /** Gives everything back; what is counted from now on does not matter. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.change(-this.#bytes);
    this.#bytes = 0;
    this.#budget.closed();
  }
}
