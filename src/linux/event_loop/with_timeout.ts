// SPDX-License-Identifier: MIT
import { after } from "./timer.ts";

/**
 * Waits for `promise`, but at most `ms` milliseconds. Returns whether it settled in time; rejects if
 * it rejects in time. If it settles later, that is ignored.
 */
export async function withTimeout(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  using _timer = after(ms, () => resolve(false));
  return await Promise.race([promise.then(() => true), late]);
}
