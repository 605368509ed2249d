// SPDX-License-Identifier: MIT
import { MAX_TIMER_MS, sleep } from "./timer.ts";

/** Lengths and number of the delays of {@linkcode backoff}. */
export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  readonly first: number;
  /** The longest delay, in milliseconds. */
  readonly most: number;
  /** The number of rounds. Default: no limit. */
  readonly attempts?: number;
}

/** Waits once. Returns false if `signal` was aborted before or meanwhile. */
export type Delay = (signal?: AbortSignal) => Promise<boolean>;

/**
 * Yields one delay per round, each twice as long as the one before, up to the longest:
 * `for (const delay of backoff(…)) { if (done()) return; await delay(); }`.
 */
export function* backoff({ first, most, attempts = Infinity }: BackoffOptions): Generator<Delay> {
  let ms = first;
  for (let round = 0; round < attempts; round++) {
    const wait = Math.min(ms, MAX_TIMER_MS);
    yield (signal) => waitFor(wait, signal);
    ms = Math.min(ms * 2, most);
  }
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(ms, signal === undefined ? {} : { signal });
    return true;
  } catch (error) {
    if (signal?.aborted) return false;
    throw error;
  }
}
