// SPDX-License-Identifier: MIT

/** Options of everything that asks the daemon. */
export interface CallOptions {
  /** Gives up waiting: the call rejects with the signal's reason. The daemon goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up waiting after so many milliseconds, with a `DeadlineExceededError`. */
  readonly timeoutMs?: number | undefined;
}
