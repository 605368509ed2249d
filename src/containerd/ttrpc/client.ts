// SPDX-License-Identifier: MIT
import { decode, encode } from "../protobuf/codec.ts";
import { FRAME, FrameReader, FrameWriter } from "./frame.ts";
import { CODE, Request, Response, TtrpcError } from "./messages.ts";
import type { TtrpcConn } from "./server.ts";

/** One call of a {@linkcode TtrpcClient}. */
export interface TtrpcCall {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  readonly signal?: AbortSignal;
}

/** A client of a ttrpc server, for any number of calls at a time. */
export class TtrpcClient implements Disposable {
  readonly #conn: TtrpcConn;
  readonly #writer: FrameWriter;
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array>>();
  #stream = -1;
  #gone: TtrpcError | undefined;

  /** Takes ownership of the connection. */
  constructor(conn: TtrpcConn) {
    this.#conn = conn;
    this.#writer = new FrameWriter((bytes) => conn.write(bytes));
    this.#readAll();
  }

  /**
   * Calls a method and returns the response's payload.
   *
   * @throws {TtrpcError} with the code of the answer; "unavailable" if the connection has ended.
   */
  async call({ service, method, payload, signal }: TtrpcCall): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#gone !== undefined) throw this.#gone;
    const stream = this.#stream += 2;
    const answer = Promise.withResolvers<Uint8Array>();
    const giveUp = () => answer.reject(signal?.reason);
    this.#waiting.set(stream, answer);
    signal?.addEventListener("abort", giveUp);
    try {
      const data = encode(Request, { service, method, payload });
      this.#writer.write({ stream, type: FRAME.request, data })
        .catch((error) => this.#end(error));
      return await answer.promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
      this.#waiting.delete(stream);
    }
  }

  /** Closes the connection; calls that wait end as "unavailable". */
  [Symbol.dispose](): void {
    if (this.#gone === undefined) this.#end(undefined);
  }

  async #readAll(): Promise<void> {
    const frames = new FrameReader((buffer) => this.#conn.read(buffer));
    try {
      for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
        this.#take(frame.stream, frame.data);
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Settles the call of an answer; drops the answer if the call was given up. */
  #take(stream: number, data: Uint8Array | undefined): void {
    const answer = this.#waiting.get(stream);
    if (answer === undefined) return;
    if (data === undefined) {
      return answer.reject(new TtrpcError(CODE.resourceExhausted, "the answer is too large"));
    }
    const { status, payload } = decode(Response, data);
    if (status === undefined || status.code === CODE.ok) answer.resolve(payload);
    else answer.reject(new TtrpcError(status.code, status.message));
  }

  #end(cause: unknown): void {
    if (this.#gone !== undefined) return;
    this.#gone = new TtrpcError(CODE.unavailable, "the connection has ended", { cause });
    this.#conn.close();
    for (const answer of this.#waiting.values()) answer.reject(this.#gone);
  }
}
