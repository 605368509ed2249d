// SPDX-License-Identifier: MIT
import type { Peer } from "../../src/rpc/peer/peer.ts";
import { toWire } from "../../src/rpc/protocol/error_codec.ts";
import { example } from "./examples.ts";
import type { Example } from "./examples.ts";
import type { Normalizer } from "./normalize.ts";

/** Calls, and keeps what was sent and what came back. */
export class Recorder {
  /** The connection on which the calls are made. */
  readonly peer: Peer;
  /** All calls so far. */
  readonly examples: Example[] = [];
  readonly #normalizer: Normalizer;

  constructor(peer: Peer, normalizer: Normalizer) {
    this.peer = peer;
    this.#normalizer = normalizer;
  }

  /** Returns the result as it came; undefined for an error, which is an example too. */
  async call(method: string, params: Record<string, unknown>): Promise<unknown> {
    const answer = await this.#answer(method, params);
    this.examples.push(example.parse(this.#normalizer.apply({ method, params, ...answer })));
    return "result" in answer ? answer.result : undefined;
  }

  async #answer(
    method: string,
    params: unknown,
  ): Promise<{ result: unknown } | { error: unknown }> {
    try {
      return { result: await this.peer.call(method, params, { timeoutMs: 60_000 }) };
    } catch (error) {
      return { error: toWire(error) };
    }
  }

  /** Keeps the notifications of a method that come from now on. */
  collect(method: string): unknown[] {
    const seen: unknown[] = [];
    this.peer.onNotification(method, (params) => seen.push(this.#normalizer.apply(params)));
    return seen;
  }
}
