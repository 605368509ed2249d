// SPDX-License-Identifier: MIT
import type { CallOptions } from "../../rpc/peer/call_options.ts";
import type { DaemonLink } from "../link.ts";
import { RetryPause } from "../retry_pause.ts";

/** How long a call that is safe to repeat waits for a daemon that has gone away, milliseconds. */
const AWAY_MS = 60_000;

/**
 * Returns the result of `attempt`. Where the daemon has gone away meanwhile, `attempt` is made again,
 * with `again` true, until a daemon has answered, the signal is aborted or the time is over: the
 * call's `timeoutMs`, else a minute from the loss.
 */
export async function acrossRestarts<T>(
  link: DaemonLink,
  { signal, timeoutMs }: CallOptions,
  attempt: (again: boolean, options: CallOptions) => Promise<T>,
): Promise<T> {
  let deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  const pause = new RetryPause();
  for (let again = false;; again = true) {
    const left = deadline === undefined ? undefined : deadline - performance.now();
    try {
      return await attempt(again, { signal, timeoutMs: left && Math.max(1, left) });
    } catch (error) {
      if (!await link.isAway(error)) throw error;
      deadline ??= performance.now() + AWAY_MS;
      if (performance.now() + pause.ms > deadline) throw error;
    }
    await pause.wait(signal);
    signal?.throwIfAborted();
  }
}
