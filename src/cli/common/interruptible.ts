// SPDX-License-Identifier: MIT
import { CliError } from "./exit_status.ts";

/** The signals that ask a command to end, and their numbers (signal(7), the same on every machine). */
const ENDING = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** What a shell adds to the number of the signal that has ended a command. */
const ENDED_BY_SIGNAL = 128;

/**
 * Runs `use` with a signal that aborts when this process is asked to end. So a command can end what it
 * has started, and remove what is half-made. The second such signal ends the process at once, unless
 * something else listens for it. Signals that the process was started to ignore, as by nohup(1), stay
 * ignored.
 *
 * @throws {CliError} with the exit status of a process that the signal has ended, if `use` heeds it.
 */
export async function interruptible<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const ignored = ignoredSignals();
  using stack = new DisposableStack();
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    const number = ENDING[name];
    if ((ignored >> BigInt(number - 1) & 1n) === 1n) {
      // For good: once it has listened for one of them Deno hears them all, and dies of those that nobody
      // listens for.
      Deno.addSignalListener(name, () => {});
      continue;
    }
    const listener = () => {
      stack.dispose();
      controller.abort(
        new CliError(`ended by ${name}`, { status: ENDED_BY_SIGNAL + number }),
      );
    };
    Deno.addSignalListener(name, listener);
    stack.defer(() => Deno.removeSignalListener(name, listener));
  }
  return await use(controller.signal);
}

/** Returns the mask of signals that this process ignores (SigIgn, proc_pid_status(5)). */
function ignoredSignals(): bigint {
  const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return BigInt(`0x${mask ?? "0"}`);
}
