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
  #pending: Deno.Signal[] = [];
  #deliver: ((signal: Deno.Signal) => void) | undefined;

  constructor(signals: readonly Deno.Signal[] = FORWARDED) {
    this.#listeners = signals.map((signal) => [signal, () => this.#caught(signal)] as const);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  #caught(signal: Deno.Signal): void {
    if (this.#deliver) this.#deliver(signal);
    else this.#pending.push(signal);
  }

  /** From now on each signal is given to `deliver`, first those that have come already. */
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
