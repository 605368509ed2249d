// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";

/**
 * How long the runtime may go on with the start or checkpoint of a container whose init has ended, in
 * milliseconds: a `poststart` hook may still run then.
 */
const AFTER_END_MS = 10_000;

/**
 * Aborts `giveUp`, by which the runtime is killed, some time after `ended`, which says that init has
 * ended. Does not once it is disposed of.
 */
export function giveUpAfterEnd(ended: AbortSignal, giveUp: AbortController): Disposable {
  const timers = new DisposableStack();
  const onEnd = () => void timers.use(after(AFTER_END_MS, () => giveUp.abort()));
  ended.addEventListener("abort", onEnd);
  timers.defer(() => ended.removeEventListener("abort", onEnd));
  if (ended.aborted) onEnd();
  return timers;
}
