// SPDX-License-Identifier: MIT

/**
 * Waits for `promise`, unless the signal aborts first: then it rejects with the signal's reason, and
 * how `promise` ends is ignored.
 */
export async function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  let abort = () => {};
  // The client runs in Node 20 too, which lacks Promise.withResolvers.
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
