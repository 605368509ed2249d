// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { BerthError, DeadlineExceededError } from "../../rpc/errors.ts";
import type { ErrorData } from "../../rpc/errors.ts";
import type { Child, Exit } from "./spawn.ts";

/** How long a killed runtime is waited for: one stuck in the kernel does not die, milliseconds. */
const KILL_GRACE = 1000;

/** The bounds of a call of the OCI runtime, and the name of the call in errors. */
export interface CallBounds {
  /** The call, as messages begin with it. */
  readonly what: string;
  readonly data: ErrorData;
  /** Default: the call may take as long as it does. */
  readonly timeoutMs?: number;
  /** Gives the call up when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the exit of `child`. Kills it when its time is up or the signal is aborted.
 *
 * @throws {DeadlineExceededError} if it was killed, or the signal's reason where that is a `BerthError`.
 */
export async function exitWithin(
  child: Child,
  { what, data, timeoutMs, signal }: CallBounds,
): Promise<Exit> {
  if (timeoutMs === undefined && signal === undefined) return await child.exited;
  const grace = Promise.withResolvers<undefined>();
  const timers: Disposable[] = [];
  let failure: { readonly error: unknown } | undefined;
  const giveUp = (error: unknown) => {
    failure ??= { error };
    try {
      // With the hooks that it runs. Containers lead sessions of their own.
      child.kill(SIGKILL, { group: true });
    } catch (killError) {
      if (!isErrno(killError, ESRCH)) throw killError;
      // It has just ended by itself.
    }
    timers.push(after(KILL_GRACE, () => grace.resolve(undefined)));
  };
  if (timeoutMs !== undefined) {
    const message = `${what} did not end within ${timeoutMs} ms and was killed`;
    timers.push(after(timeoutMs, () => giveUp(new DeadlineExceededError(message, { data }))));
  }
  const onAbort = () => {
    const reason: unknown = signal?.reason;
    const message = `${what} was given up and killed`;
    giveUp(
      reason instanceof BerthError
        ? reason
        : new DeadlineExceededError(message, { cause: reason, data }),
    );
  };
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  // A rollback of this call should not meet a runtime that still works at it, so its end is awaited.
  const exit = await Promise.race([child.exited, grace.promise]);
  for (const timer of timers) timer[Symbol.dispose]();
  signal?.removeEventListener("abort", onAbort);
  if (exit !== undefined && (failure === undefined || exit.signal !== SIGKILL)) return exit;
  throw failure?.error;
}
