// SPDX-License-Identifier: MIT
import { type Command, Option } from "commander";

/** The signals that go on to the process when no terminal makes them itself. */
const FORWARDED: readonly Deno.Signal[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
];

/**
 * Catches signals to this process. Those that come before {@linkcode SignalForwarder.deliver} is
 * called, while the container is still being made, wait for it.
 */
export class SignalForwarder implements Disposable {
  readonly #listeners: (readonly [Deno.Signal, () => void])[];
  readonly #waits: ((signal: Deno.Signal, pending: readonly Deno.Signal[]) => void) | undefined;
  #pending: Deno.Signal[] = [];
  #deliver: ((signal: Deno.Signal) => void) | undefined;

  /** @param waits called with each signal that has to wait, and with all that wait. */
  constructor(
    signals: readonly Deno.Signal[] = FORWARDED,
    waits?: (signal: Deno.Signal, pending: readonly Deno.Signal[]) => void,
  ) {
    this.#waits = waits;
    this.#listeners = signals.map((signal) => [signal, () => this.#caught(signal)] as const);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  #caught(signal: Deno.Signal): void {
    if (this.#deliver) return this.#deliver(signal);
    this.#pending.push(signal);
    this.#waits?.(signal, this.#pending);
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
