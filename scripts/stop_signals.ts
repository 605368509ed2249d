// SPDX-License-Identifier: MIT

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Why a script was stopped. */
export class StoppedError extends Error {
  /** What has stopped it. */
  readonly stoppedBy: Deno.Signal;

  /** An error that names the signal. */
  constructor(signal: Deno.Signal) {
    super(`stopped by ${signal}`);
    this.stoppedBy = signal;
  }
}

/** Until disposal a signal that would end the script aborts {@linkcode signal} instead. */
export class StopSignals implements Disposable {
  /** Aborted by the first one; its reason is a {@linkcode StoppedError}. */
  readonly signal: AbortSignal;
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  constructor() {
    const stop = new AbortController();
    this.signal = stop.signal;
    this.#listeners = SIGNALS.map((signal) =>
      [signal, () => stop.abort(new StoppedError(signal))] as const
    );
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
