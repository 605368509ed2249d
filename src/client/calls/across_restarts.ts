// SPDX-License-Identifier: MIT
import { pause } from "../../rpc/transport/pause.ts";
import type { CallOptions } from "../../rpc/peer/call_options.ts";
import type { DaemonLink } from "../link.ts";

/** How long a call that is safe to repeat waits for a daemon that has gone away, milliseconds. */
const AWAY_MS = 60_000;
/** How long to wait before asking again, milliseconds: at first … */
const FIRST_PAUSE_MS = 50;
/** … and at most. */
const LONGEST_PAUSE_MS = 2000;

/**
 * Returns what `attempt` returns. Where the daemon has gone away meanwhile, `attempt` is made again,
 * with `again` true, until a daemon has answered, the signal is aborted or the time is over: the
 * call's `timeoutMs`, else a minute from the loss.
 */
export async function acrossRestarts<T>(
  link: DaemonLink,
  { signal, timeoutMs }: CallOptions,
  attempt: (again: boolean, options: CallOptions) => Promise<T>,
): Promise<T> {
  let deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  let delay = FIRST_PAUSE_MS;
  for (let again = false;; again = true) {
    const left = deadline === undefined ? undefined : deadline - performance.now();
    try {
      return await attempt(again, { signal, timeoutMs: left && Math.max(1, left) });
    } catch (error) {
      if (!await link.isAway(error)) throw error;
      deadline ??= performance.now() + AWAY_MS;
      if (performance.now() + delay > deadline) throw error;
    }
    await pause(delay, signal);
    signal?.throwIfAborted();
    delay = Math.min(delay * 2, LONGEST_PAUSE_MS);
  }
}
