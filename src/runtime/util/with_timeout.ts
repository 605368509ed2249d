// SPDX-License-Identifier: MIT

/**
 * Waits for `promise`, but at most `ms` milliseconds. Returns whether it settled in time; rejects if
 * it rejects in time. What it settles with later is nobody's any more.
 */
export async function withTimeout(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
