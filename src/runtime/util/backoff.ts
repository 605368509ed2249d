// SPDX-License-Identifier: MIT

/** Options of {@linkcode backoff}. */
export interface BackoffOptions {
  /** The first wait, in milliseconds. */
  readonly first: number;
  /** The longest wait, in milliseconds. */
  readonly most: number;
  /** How many times to go round; left out: for ever. */
  readonly attempts?: number;
}

/** Waits once; false if `signal` was aborted before or meanwhile. */
export type Delay = (signal?: AbortSignal) => Promise<boolean>;

/**
 * One delay per round, each twice as long as the one before, up to the longest:
 * `for (const delay of backoff(…)) { if (try()) return; await delay(); }`.
 */
export function* backoff({ first, most, attempts = Infinity }: BackoffOptions): Generator<Delay> {
  let wait = first;
  for (let round = 0; round < attempts; round++) {
    const milliseconds = wait;
    yield (signal) => pause(milliseconds, signal);
    wait = Math.min(wait * 2, most);
  }
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const abort = () => {
    clearTimeout(timer);
    resolve(false);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", abort);
    resolve(true);
  }, milliseconds);
  signal?.addEventListener("abort", abort, { once: true });
  return promise;
}
