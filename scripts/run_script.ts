// SPDX-License-Identifier: MIT
import { withTimeout } from "../src/linux/event_loop/with_timeout.ts";

/** The signals that end a script, with their numbers. */
const STOP_SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** How long a signal that has ended a child may take to be heard of here, in ms: on a busy machine long. */
const HEARD_MS = 1000;

/** The name of a signal that ends a script. */
type StopSignal = keyof typeof STOP_SIGNALS;

/** Why a script was stopped. */
class StoppedError extends Error {
  /** The signal that has stopped it. */
  readonly stoppedBy: StopSignal;

  /** An error that names the signal. */
  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.stoppedBy = signal;
  }
}

/** An error that its user can act on: the message says all, so it is shown without its stack. */
export class ScriptError extends Error {}

/**
 * Runs the work of a script and exits with the status that `work` returns. SIGINT, SIGTERM and SIGHUP
 * abort the signal that `work` gets instead of ending the process; once `work` has ended, the script
 * says in one line what has stopped it and exits as a shell tells of a signal: with 128 and its
 * number. What the signal broke on its way is not shown. Any other error is, and the status is 1.
 */
export async function runScript(work: (signal: AbortSignal) => Promise<number>): Promise<never> {
  const stop = new AbortController();
  for (const signal of Object.keys(STOP_SIGNALS).filter(isStopSignal)) {
    Deno.addSignalListener(signal, () => stop.abort(new StoppedError(signal)));
  }
  const { signal } = stop;
  try {
    const status = await work(signal);
    if (!signal.aborted) Deno.exit(status);
  } catch (error) {
    // A Ctrl-C reaches the children too: one may have ended before its listener here was called.
    if (!signal.aborted) {
      await withTimeout(new Promise((heard) => signal.addEventListener("abort", heard)), HEARD_MS);
    }
    if (!signal.aborted) {
      console.error(error instanceof ScriptError ? error.message : error);
      Deno.exit(1);
    }
  }
  const reason: unknown = signal.reason;
  if (!(reason instanceof StoppedError)) throw reason;
  console.error(reason.message);
  Deno.exit(128 + STOP_SIGNALS[reason.stoppedBy]);
}

function isStopSignal(name: string): name is StopSignal {
  return name in STOP_SIGNALS;
}
