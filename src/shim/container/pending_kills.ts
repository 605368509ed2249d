// SPDX-License-Identifier: MIT

/**
 * The calls of the OCI runtime in flight that signal every process of a container. The runtime finds
 * the container by its id, so these calls must have ended before another container can get that id.
 */
export class PendingKills {
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  /** Runs `send`, which calls the runtime and ends early when `signal` is aborted. */
  async run(send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const sent = send(this.#abort.signal);
    this.#underWay.add(sent);
    try {
      await sent;
    } finally {
      this.#underWay.delete(sent);
    }
  }

  /** Aborts the calls in flight, which reject with `reason`, and waits for their end. */
  async end(reason: Error): Promise<void> {
    if (this.#underWay.size === 0) return;
    this.#abort.abort(reason);
    await Promise.allSettled(this.#underWay);
  }
}
