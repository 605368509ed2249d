// SPDX-License-Identifier: MIT

/**
 * The signals that the OCI runtime is just sending to every process of a container. It finds them by
 * the container's id, so none may be under way any more when another container can get that.
 */
export class PendingKills {
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  /** Has `send` run the runtime until that is done, or `signal` is aborted. */
  async run(send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const sent = send(this.#abort.signal);
    this.#underWay.add(sent);
    try {
      await sent;
    } finally {
      this.#underWay.delete(sent);
    }
  }

  /** Ends what is under way, which rejects with `reason`, and waits for that. */
  async end(reason: Error): Promise<void> {
    if (this.#underWay.size === 0) return;
    this.#abort.abort(reason);
    await Promise.allSettled(this.#underWay);
  }
}
