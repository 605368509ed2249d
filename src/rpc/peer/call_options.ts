// SPDX-License-Identifier: MIT

/** Options of a call over a connection, such as one of the daemon. */
export interface CallOptions {
  /**
   * Cancels the call, which then rejects with the signal's reason. The other end stops waiting; other
   * work that the call has begun goes on.
   */
  readonly signal?: AbortSignal | undefined;
  /** Cancels the call after so many milliseconds, with a `DeadlineExceededError`. */
  readonly timeoutMs?: number | undefined;
}
