// SPDX-License-Identifier: MIT
import { createJSONRPCNotification, createJSONRPCRequest } from "json-rpc-2.0";
import type { JSONRPCResponse } from "json-rpc-2.0";
import { deferred } from "./deferred.ts";
import type { Deferred } from "./deferred.ts";
import { DeadlineExceededError, ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { fromWire } from "../protocol/error_codec.ts";
import { CANCEL } from "../protocol/messages.ts";
import { MAX_LINE } from "../protocol/line_reader.ts";
import { isLonger } from "../protocol/response_text.ts";
import { stringifyJson } from "../json.ts";
import type { CallOptions } from "./call_options.ts";

/** The calls that this end of a connection makes. Each settles once, whatever the other end does. */
export class Outbound {
  readonly #send: (line: string) => void;
  /** The calls without an answer yet, by their id. */
  readonly #pending = new Map<number, Deferred<unknown>>();
  #lastId = 0;
  #closed = false;
  /** The last thing that the other end said, where that was an error which answers no call. */
  #lastWords: unknown;

  /** `send` queues a line for the other end; what it throws rejects the call. */
  constructor(send: (line: string) => void) {
    this.#send = send;
  }

  /** See `Peer.call`. */
  async call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#closed) {
      throw this.#whyClosed(`cannot call ${method}: the connection is closed`);
    }
    const id = ++this.#lastId;
    const text = stringifyJson(createJSONRPCRequest(id, method, params));
    if (isLonger(text, MAX_LINE)) {
      throw new ResourceExhaustedError(`${method}: the call is longer than a line may be`);
    }
    this.#send(text);
    const answer = deferred<unknown>();
    this.#pending.set(id, answer);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      const message = `${method}: no answer within ${Math.ceil(timeoutMs)} ms`;
      this.#cancel(id, new DeadlineExceededError(message));
    }, timeoutMs);
    const onAbort = signal && (() => this.#cancel(id, signal.reason));
    if (onAbort) signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await answer.promise;
    } finally {
      if (timer !== undefined) clearTimeout(timer);
      if (onAbort) signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Settles the call that `response` answers; drops a response that no call waits for. An error
   * without an id is kept: if the other end closes the connection next, the error is the reason.
   */
  receive(response: JSONRPCResponse): void {
    const { id, error, result } = response;
    this.#lastWords = id === null ? error : undefined;
    const answer = typeof id === "number" ? this.#take(id) : undefined;
    if (error !== undefined && error !== null) answer?.reject(fromWire(error));
    else answer?.resolve(result);
  }

  /**
   * Rejects every call, and every later one, with {@linkcode UnavailableError}. Its cause is what the
   * other end has said last, if that was an error that answers no call.
   */
  close(): void {
    this.#closed = true;
    for (const answer of this.#pending.values()) {
      answer.reject(this.#whyClosed("the connection was closed before the answer came"));
    }
    this.#pending.clear();
  }

  /** Rejects a call and cancels it at the other end. */
  #cancel(id: number, reason: unknown): void {
    const answer = this.#take(id);
    if (answer === undefined) return;
    answer.reject(reason);
    try {
      this.#send(JSON.stringify(createJSONRPCNotification(CANCEL, { id })));
    } catch (error) {
      // The other end does not read, so there is no telling it anything.
      if (!(error instanceof UnavailableError)) throw error;
    }
  }

  #whyClosed(message: string): Error {
    const said = this.#lastWords;
    if (said === undefined || said === null) return new UnavailableError(message);
    // Of its kind alone a caller would not see that the connection is gone, and a new one is due.
    const told = fromWire(said);
    return new UnavailableError(told.message, { cause: told });
  }

  #take(id: number): Deferred<unknown> | undefined {
    const answer = this.#pending.get(id);
    this.#pending.delete(id);
    return answer;
  }
}
