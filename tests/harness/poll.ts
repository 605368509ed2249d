// SPDX-License-Identifier: MIT

/**
 * By how much longer everything takes here than on a usual machine: `deno task test:vm` sets it where
 * a processor is emulated. Every deadline of a wait is longer by it.
 */
export const SLOWNESS = Number(Deno.env.get("BERTH_TEST_SLOWNESS") ?? "1");

/** How long a connection or a call may take that a test does not expect to fail, in milliseconds. */
export const CALL_TIMEOUT_MS = 60_000 * SLOWNESS;

/** Bound of a wait. */
export interface PollOptions {
  /** Milliseconds until it is given up; 60 000 if left out, far above what a slow machine needs. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks; 20 if left out. */
  readonly everyMs?: number;
}

/** The values that {@linkcode until} takes for "not yet". */
type NotYet = undefined | false | null;

/**
 * Calls `probe` until it returns something that is neither undefined, null nor false, and returns
 * that. What `probe` throws ends the wait. After the deadline throws an `Error` that says `what`
 * was waited for.
 */
export async function until<T>(
  what: string,
  probe: () => T | NotYet | Promise<T | NotYet>,
  options: PollOptions = {},
): Promise<T> {
  const { everyMs = 20 } = options;
  const timeoutMs = (options.timeoutMs ?? 60_000) * SLOWNESS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Returns what `promise` resolves to, or throws an `Error` that names `what` after `timeoutMs`. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  unscaledMs = 60_000,
): Promise<T> {
  const timeoutMs = unscaledMs * SLOWNESS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${timeoutMs} ms in vain for: ${what}`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
