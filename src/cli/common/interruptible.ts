// SPDX-License-Identifier: MIT
// Ends a command by Ctrl-C and other signals, with what it has begun.
import { printStderr } from "../text/print.ts";
import { CliError } from "./exit_status.ts";

/** The signals that ask a command to end, and their numbers (signal(7), the same on every machine). */
const ENDING = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** The exit status of a command that a signal has ended is this and the number of the signal. */
const ENDED_BY_SIGNAL = 128;

/**
 * The mask of signals that this process was started to ignore. Read before anything listens for signals:
 * afterwards the process ignores none of those that Deno hears.
 */
const IGNORED = ignoredSignals();

/**
 * Listens for the signals that ask this process to end, until it is disposed of. So a command can end
 * what it has started, and remove what is half-made. The second such signal ends the process at once,
 * unless something else listens for it, or is given to hear it. Signals that the process was started
 * to ignore, as by nohup(1), stay ignored.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners = new DisposableStack();

  /** @param again called at the second signal, and each one after it, with the exit status of that. */
  constructor(again?: (status: number) => void) {
    for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
      const number = ENDING[name];
      if ((IGNORED >> BigInt(number - 1) & 1n) === 1n) {
        // For good: once it has listened for one of them Deno hears them all, and dies of those that
        // nobody listens for.
        Deno.addSignalListener(name, () => {});
        continue;
      }
      const status = ENDED_BY_SIGNAL + number;
      const listener = () => {
        if (this.signal.aborted) return again?.(status);
        if (again === undefined) this.#listeners.dispose();
        this.#controller.abort(new CliError(`ended by ${name}`, { status }));
      };
      Deno.addSignalListener(name, listener);
      this.#listeners.defer(() => Deno.removeSignalListener(name, listener));
    }
  }

  /**
   * Aborts when a signal comes. Its reason is a {@linkcode CliError} with the exit status of a process that
   * the signal has ended.
   */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#listeners.dispose();
  }
}

/**
 * Ends this process at once, where a container that it makes, or else what `left` tells of, is taken
 * back or finished without it.
 */
export function leave(
  status: number,
  left = "the container may still come to be, see berth ps -a",
): void {
  sayLeft(left);
  Deno.exit(status);
}

/** Prints that this command was told to leave, and what it leaves. */
export function sayLeft(left: string): void {
  printStderr(`berth: told to leave: ${left}`);
}

/**
 * Runs `use` with the signal of an {@linkcode Interruption}.
 *
 * @throws {CliError} with the exit status of a process that the signal has ended, if `use` heeds it.
 */
export async function interruptible<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> {
  using interruption = new Interruption();
  return await use(interruption.signal);
}

/** Returns the mask of signals that this process ignores (SigIgn, proc_pid_status(5)). */
function ignoredSignals(): bigint {
  const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return BigInt(`0x${mask ?? "0"}`);
}
