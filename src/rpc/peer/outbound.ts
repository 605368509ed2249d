// SPDX-License-Identifier: MIT
import { createJSONRPCRequest, JSONRPCClient } from "json-rpc-2.0";
import type { JSONRPCRequest, JSONRPCResponse } from "json-rpc-2.0";
import { errorResponse } from "./dispatcher.ts";
import { DeadlineExceededError, ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { MAX_LINE } from "../protocol/line_reader.ts";
import { isLonger } from "../protocol/encode.ts";
import { fromWire } from "../protocol/error_codec.ts";

/** Options of `Peer.call`. */
export interface CallOptions {
  /** Gives up waiting; the call then rejects with the signal's reason. The other end goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up waiting after so many milliseconds, with {@linkcode DeadlineExceededError}. */
  readonly timeoutMs?: number | undefined;
}

interface PendingCall {
  /** Why it was settled on this side, without an answer. */
  givenUp: { reason: unknown } | undefined;
}

/** The calls that this end of a connection makes. Each settles once, whatever the other end does. */
export class Calls {
  readonly #client: JSONRPCClient;
  readonly #send: (line: string) => void;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #closed = false;

  /** `send` queues a line for the other end; what it throws rejects the call. */
  constructor(send: (line: string) => void) {
    this.#send = send;
    this.#client = new JSONRPCClient((request: JSONRPCRequest) => this.#sendCall(request));
  }

  /** See `Peer.call`. */
  async call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#closed) {
      throw new UnavailableError(`cannot call ${method}: the connection is closed`);
    }
    const id = ++this.#lastId;
    const pending: PendingCall = { givenUp: undefined };
    this.#pending.set(id, pending);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      const message = `${method}: no answer within ${timeoutMs} ms`;
      this.#giveUp(id, new DeadlineExceededError(message));
    }, timeoutMs);
    const onAbort = signal && (() => this.#giveUp(id, signal.reason));
    if (onAbort) signal.addEventListener("abort", onAbort, { once: true });
    const response = await this.#client.requestAdvanced(createJSONRPCRequest(id, method, params));
    if (timer !== undefined) clearTimeout(timer);
    if (onAbort) signal.removeEventListener("abort", onAbort);
    this.#pending.delete(id);
    if (pending.givenUp !== undefined) throw pending.givenUp.reason;
    if (response.error !== undefined && response.error !== null) throw fromWire(response.error);
    return response.result;
  }

  /** Takes an answer of the other end; one that nobody waits for is dropped. */
  receive(response: JSONRPCResponse): void {
    // From now on it is answered, though who waits is told some turns later: the connection may
    // end right behind its last answer.
    if (typeof response.id === "number") this.#pending.delete(response.id);
    this.#client.receive(response);
  }

  /** Rejects every call with {@linkcode UnavailableError}, and every later one. */
  close(): void {
    this.#closed = true;
    for (const id of this.#pending.keys()) {
      this.#giveUp(id, new UnavailableError("the connection was closed before the answer came"));
    }
  }

  /** Settles a call on this side, through the client, so that it forgets the id. */
  #giveUp(id: number, reason: unknown): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.givenUp !== undefined) return;
    pending.givenUp = { reason };
    this.#client.receive(errorResponse(id, reason));
  }

  /** Never throws: the client would keep no more than the message of what it is thrown. */
  #sendCall(request: JSONRPCRequest): void {
    try {
      const text = JSON.stringify(request);
      if (isLonger(text, MAX_LINE)) {
        const message = `${request.method}: the call is longer than a line may be`;
        throw new ResourceExhaustedError(message);
      }
      this.#send(text);
    } catch (error) {
      if (typeof request.id === "number") this.#giveUp(request.id, error);
    }
  }
}
