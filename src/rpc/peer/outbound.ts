// SPDX-License-Identifier: MIT
import { createJSONRPCRequest } from "json-rpc-2.0";
import type { JSONRPCResponse } from "json-rpc-2.0";
import { deferred } from "./deferred.ts";
import type { Deferred } from "./deferred.ts";
import { DeadlineExceededError, ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { fromWire } from "../protocol/error_codec.ts";
import { MAX_LINE } from "../protocol/line_reader.ts";
import { isLonger } from "../protocol/response_text.ts";

/** Options of `Peer.call`. */
export interface CallOptions {
  /** Gives up waiting; the call then rejects with the signal's reason. The other end goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up waiting after so many milliseconds, with {@linkcode DeadlineExceededError}. */
  readonly timeoutMs?: number | undefined;
}

/** The calls that this end of a connection makes. Each settles once, whatever the other end does. */
export class Outbound {
  readonly #send: (line: string) => void;
  /** The calls without an answer yet, by their id. */
  readonly #pending = new Map<number, Deferred<unknown>>();
  #lastId = 0;
  #closed = false;

  /** `send` queues a line for the other end; what it throws rejects the call. */
  constructor(send: (line: string) => void) {
    this.#send = send;
  }

  /** See `Peer.call`. */
  async call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#closed) {
      throw new UnavailableError(`cannot call ${method}: the connection is closed`);
    }
    const id = ++this.#lastId;
    const text = JSON.stringify(createJSONRPCRequest(id, method, params));
    if (isLonger(text, MAX_LINE)) {
      throw new ResourceExhaustedError(`${method}: the call is longer than a line may be`);
    }
    this.#send(text);
    const answer = deferred<unknown>();
    this.#pending.set(id, answer);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      const message = `${method}: no answer within ${timeoutMs} ms`;
      this.#giveUp(id, new DeadlineExceededError(message));
    }, timeoutMs);
    const onAbort = signal && (() => this.#giveUp(id, signal.reason));
    if (onAbort) signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await answer.promise;
    } finally {
      if (timer !== undefined) clearTimeout(timer);
      if (onAbort) signal.removeEventListener("abort", onAbort);
    }
  }

  /** Settles the call that `response` answers; drops a response that no call waits for. */
  receive(response: JSONRPCResponse): void {
    const { id, error, result } = response;
    const answer = typeof id === "number" ? this.#take(id) : undefined;
    if (error !== undefined && error !== null) answer?.reject(fromWire(error));
    else answer?.resolve(result);
  }

  /** Rejects every call with {@linkcode UnavailableError}, and every later one. */
  close(): void {
    this.#closed = true;
    for (const id of this.#pending.keys()) {
      this.#giveUp(id, new UnavailableError("the connection was closed before the answer came"));
    }
  }

  #giveUp(id: number, reason: unknown): void {
    this.#take(id)?.reject(reason);
  }

  #take(id: number): Deferred<unknown> | undefined {
    const answer = this.#pending.get(id);
    this.#pending.delete(id);
    return answer;
  }
}
