// SPDX-License-Identifier: MIT
import { type Command, Option } from "commander";
import { parseSignal } from "../../linux/process/signals.ts";
import { CliError } from "../common/exit_status.ts";
import { leave, sayLeft } from "../common/interruptible.ts";

/** The signals that go on to the process when no terminal makes them itself. */
const FORWARDED: readonly Deno.Signal[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
];

/** Returns the exit status of a process that leaves because of a signal. */
export function statusOf(signal: Deno.Signal): number {
  return 128 + parseSignal(signal);
}

/**
 * Catches signals to this process. Those that come before {@linkcode SignalForwarder.deliver} is
 * called, while there is no process yet that hears them, wait for it. A caller who interrupts twice
 * meanwhile gives up, and leaves at once with one interrupt more.
 */
export class SignalForwarder implements Disposable {
  readonly #listeners: (readonly [Deno.Signal, () => void])[];
  readonly #giveUp = new AbortController();
  #pending: Deno.Signal[] = [];
  #deliver: ((signal: Deno.Signal) => void) | undefined;
  readonly #left: string | undefined;

  /**
   * @param left what may come to run without the caller who gives up, if not a container that is made
   * meanwhile.
   */
  constructor(left?: string, signals: readonly Deno.Signal[] = FORWARDED) {
    this.#left = left;
    this.#listeners = signals.map((signal) => [signal, () => this.#caught(signal)] as const);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  #caught(signal: Deno.Signal): void {
    if (this.#deliver) return this.#deliver(signal);
    this.#pending.push(signal);
    if (signal !== "SIGINT" && signal !== "SIGTERM") return;
    const interrupts = this.#pending.filter((one) => one === "SIGINT" || one === "SIGTERM").length;
    const status = statusOf(signal);
    if (interrupts === 2) this.#giveUp.abort(new CliError(`ended by ${signal}`, { status }));
    if (interrupts > 2) leave(status, this.#left);
  }

  /**
   * Aborts when the caller gives up. Its reason is a {@linkcode CliError} with the exit status of a
   * process that the signal has ended.
   */
  get giveUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Has `start` make the process, and says what is left of that where the caller gives up meanwhile. */
  async starting(start: (giveUp: AbortSignal) => Promise<void>): Promise<void> {
    const { giveUp } = this;
    // Nothing is asked of the daemon where the caller has given up before.
    const left = giveUp.aborted ? undefined : this.#left;
    try {
      await start(giveUp);
    } catch (error) {
      if (giveUp.aborted && left !== undefined) sayLeft(left);
      throw error;
    }
  }

  /** Gives each signal from now on to `deliver`, first those that have come already. */
  deliver(deliver: (signal: Deno.Signal) => void): void {
    this.#deliver = deliver;
    for (const signal of this.#pending.splice(0)) deliver(signal);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}

/** Adds docker's option that says whether signals go on to the process: `true` or `false`. */
export function withSigProxy(command: Command): Command {
  return command.addOption(
    new Option("--sig-proxy <bool>", "pass signals on to the process; false: leave it running")
      .choices(["true", "false"]).default("true"),
  );
}
