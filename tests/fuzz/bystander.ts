// SPDX-License-Identifier: MIT
import { connect } from "../../src/client/mod.ts";
import { CALL_TIMEOUT_MS } from "../harness/poll.ts";

/** A client that minds its own business while others attack, and takes the time of each answer. */
export class Bystander implements AsyncDisposable {
  readonly #socket: string;
  readonly #running: Promise<void>;
  #stopped = false;
  #slowest = 0;
  #calls = 0;

  /** Begins to call the daemon at `socket`, over one connection and over new ones in turn. */
  constructor(socket: string) {
    this.#socket = socket;
    this.#running = this.#run();
    // A call that fails is an error of stop(), however long before that it has failed.
    this.#running.catch(() => {});
  }

  /** Milliseconds that the slowest call has taken. */
  get slowest(): number {
    return this.#slowest;
  }

  /** Calls that were answered. */
  get calls(): number {
    return this.#calls;
  }

  /** Stops; rejects if a call has failed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    await using client = await connect({ socket: this.#socket });
    while (!this.#stopped) {
      const started = performance.now();
      await client.info({ timeoutMs: CALL_TIMEOUT_MS });
      await using other = await connect({ socket: this.#socket });
      await other.info({ timeoutMs: CALL_TIMEOUT_MS });
      this.#slowest = Math.max(this.#slowest, performance.now() - started);
      this.#calls++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([this.#running]);
  }
}
