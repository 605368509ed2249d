// SPDX-License-Identifier: MIT
// Timers that do without Deno's own, and what keeps the event loop running.
import { untilAborted } from "../../until_aborted.ts";

/** The longest time that a timer can wait for, in milliseconds: what fits in 31 bits. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `callback` in `ms` milliseconds, at most {@linkcode MAX_TIMER_MS}, unless it is disposed of
 * before. Keeps the event loop running until either.
 *
 * For the shim, in place of setTimeout: the first setTimeout, setInterval or clearTimeout of a process,
 * be it of no timer, costs 0.8 to 1.4 MB of private memory, a timeout signal some tens of kB (Deno
 * 2.9.6). A disposed one occupies a few hundred bytes until its time has come, so it is not for what
 * is armed and disarmed often.
 */
export function after(ms: number, callback: () => void): Disposable {
  const signal = AbortSignal.timeout(ms);
  // A timeout signal holds the event loop for as long as it has a listener.
  signal.addEventListener("abort", callback);
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", callback) };
}

/**
 * Waits `ms` milliseconds; see {@linkcode after}. What runs in Node cannot use it: there a timeout
 * signal does not keep the event loop running.
 *
 * @throws the signal's reason (as a rejection) when aborted before
 */
export async function sleep(
  ms: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  using _timer = after(ms, resolve);
  await untilAborted(promise, options.signal);
}

/**
 * Keeps the event loop running while it is held, for work that Deno does not count as pending, such as
 * a signal listener. One timer serves it however often it is held: one for each would stay for weeks.
 */
export class EventLoopHold {
  #timer: AbortSignal | undefined;
  readonly #holdOn = () => this.hold();

  /** Keeps the event loop running from now on. */
  hold(): void {
    if (this.#timer?.aborted !== false) this.#timer = AbortSignal.timeout(MAX_TIMER_MS);
    this.#timer.addEventListener("abort", this.#holdOn);
  }

  /** Lets the event loop end. */
  release(): void {
    this.#timer?.removeEventListener("abort", this.#holdOn);
  }
}
