// SPDX-License-Identifier: MIT
// Waits of what also runs in Node, where a timeout signal, of which src/linux/event_loop/timer.ts
// makes its timers, would not keep the event loop going.

/** Resolves in `ms` milliseconds, or as soon as the signal is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}

/** Waits until `promise` settles, but at most `ms` milliseconds; rejects if it rejects in time. */
export async function pauseFor(promise: Promise<unknown>, ms: number): Promise<void> {
  const settled = new AbortController();
  try {
    await Promise.race([promise, pause(ms, settled.signal)]);
  } finally {
    settled.abort();
  }
}
