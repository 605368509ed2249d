// SPDX-License-Identifier: MIT
import type { JSONRPCRequest, JSONRPCResponse } from "json-rpc-2.0";
import { Batch, MAX_BATCH } from "./batch.ts";
import { deferred } from "./deferred.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { RemoteEnd } from "./handler.ts";
import { RunningCall } from "./running_call.ts";
import { CancelledError, ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { isRecord } from "../is_record.ts";
import type { ByteAccount } from "../protocol/byte_budget.ts";
import { MAX_LINE, TOO_LONG } from "../protocol/line_reader.ts";
import type { LineWriter } from "../protocol/line_writer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import {
  CANCEL,
  errorResponse,
  invalidRequest,
  isRequest,
  isResponse,
  refusal,
} from "../protocol/messages.ts";
import { responseText } from "../protocol/response_text.ts";
import { textBytes } from "../protocol/text_bytes.ts";
import { countValues } from "../protocol/value_count.ts";
import { LongIntegerError, mayHaveLongInteger, parseJson } from "../json.ts";

/** The connection that an {@linkcode Inbound} belongs to. */
export interface InboundHost {
  readonly dispatcher: Dispatcher;
  /** The connection as handlers see it. */
  readonly peer: RemoteEnd;
  readonly writer: LineWriter;
  /** Counts the bytes of requests that run, and of responses that wait for their batch. */
  readonly account: ByteAccount;
  /** Calls of the other end that may run at once. */
  readonly maxInFlight: number;
  /** Requests to begin in the first turn of the event loop. */
  readonly firstBurst: number;
  /** The other end is not trusted: lines that would take much memory once parsed are refused. */
  readonly limitValues: boolean;
  /** Receives a response to a call of this end. */
  takeResponse(response: JSONRPCResponse): void;
  /** Delivers the notification to its listener, if any. Returns whether there was one. */
  takeNotification(notification: JSONRPCRequest): boolean;
  /** Ends the connection. */
  close(): void;
}

/** Requests are not read from a connection that has more than this to be written to it, bytes. */
const PAUSE_QUEUE = 1024 * 1024;
/**
 * A connection with more than this to be written to it, bytes, is cut: only requests that were begun
 * before the pause can bring it there.
 */
const MAX_REPLY_QUEUE = 256 * 1024 * 1024;
/**
 * Requests are not read while those that run, and responses that wait for their batch, are longer
 * than this in all, bytes.
 */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Lines of requests that may hold more values than this are refused unparsed. */
const MAX_VALUES = 400_000;
/** The same for lines in which each value may have to be looked at for its digits. */
const MAX_VALUES_OF_DIGITS = 100_000;
/** A parsed value takes about so many bytes. */
const VALUE_BYTES = 64;
/** Lines up to this length, bytes, are not worth counting the values of. */
const SHORT_LINE = 64 * 1024;
/** Most requests that are begun in one turn of the event loop, so that their answers can go out. */
const MAX_BURST = 16;
/** With less than this to be written, bytes, a connection may begin more requests in a turn. */
const SMALL_QUEUE = 64 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Runs and answers the requests of a connection's other end. Slows it down when it sends too much.
 */
export class Inbound {
  readonly #host: InboundHost;
  /** The calls that run, by their id; those that have none of their own by themselves. */
  readonly #running = new Map<unknown, { readonly call: RunningCall; cancel(): void }>();
  #inFlight = 0;
  #isClosed = false;
  #heldBytes = 0;
  #begun = 0;
  /** Requests to begin in one turn. */
  #burst: number;
  #onSettled: (() => void) | undefined;

  constructor(host: InboundHost) {
    this.#host = host;
    this.#burst = host.firstBurst;
  }

  /** How many calls run right now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Starts a new burst: the read that came before took a turn of the event loop. */
  resetBurst(): void {
    this.#begun = 0;
  }

  /** Handles one line. A returned promise must be awaited before the next line. */
  receive(line: Uint8Array<ArrayBuffer> | typeof TOO_LONG): Promise<void> | undefined {
    if (line === TOO_LONG) {
      return this.#refuse("InvalidRequest", `a line is longer than ${MAX_LINE} bytes`);
    }
    const values = line.length > SHORT_LINE ? countValues(line, MAX_VALUES) : 0;
    if (values > MAX_VALUES && this.#host.limitValues) {
      return this.#refuse("InvalidRequest", `a line holds more than ${MAX_VALUES} values`);
    }
    let size: number;
    let message: unknown;
    try {
      const text = decoder.decode(line);
      size = textBytes(text) + values * VALUE_BYTES;
      if (
        values > MAX_VALUES_OF_DIGITS && this.#host.limitValues && mayHaveLongInteger(text)
      ) {
        const detail =
          `a line with 16 digits in a row holds more than ${MAX_VALUES_OF_DIGITS} values`;
        return this.#refuse("InvalidRequest", detail);
      }
      message = parseJson(text);
    } catch (error) {
      const what = error instanceof LongIntegerError
        ? `refused: ${error.message}`
        : error instanceof SyntaxError
        ? "not valid JSON"
        : error instanceof RangeError
        ? "nested too deep"
        : "not valid UTF-8";
      return this.#refuse("ParseError", `the line is ${what}`);
    }
    if (Array.isArray(message)) return this.#receiveBatch(message, size);
    if (isResponse(message)) {
      this.#host.takeResponse(message);
      return undefined;
    }
    const room = this.#room();
    if (room === undefined) return this.#answer(message, size);
    return room.then(() => this.#isClosed ? undefined : this.#answer(message, size));
  }

  /** Resolves when the next call has been answered, or at {@linkcode close}. */
  settled(): Promise<void> {
    const { promise, resolve } = deferred<void>();
    this.#onSettled = resolve;
    return promise;
  }

  /** Aborts every call that runs, and unblocks callers of {@linkcode settled}. */
  close(): void {
    this.#isClosed = true;
    const reason = new UnavailableError("the connection is closed");
    for (const { call } of this.#running.values()) call.abort(reason);
    this.#running.clear();
    this.#onSettled?.();
  }

  async #receiveBatch(messages: readonly unknown[], size: number): Promise<void> {
    if (messages.length === 0) return this.#refuse("InvalidRequest", "the batch is empty");
    if (messages.length > MAX_BATCH) {
      const detail = `the batch holds more than ${MAX_BATCH} requests`;
      return this.#refuse("InvalidRequest", detail);
    }
    const batch = new Batch((text) => this.#sendText(text), (delta) => this.#hold(delta));
    const share = Math.ceil(size / messages.length);
    for (const message of messages) {
      if (isResponse(message)) {
        this.#host.takeResponse(message);
        continue;
      }
      await this.#room();
      if (this.#isClosed) return;
      batch.add(this.#begin(message, share));
    }
    batch.seal();
  }

  #answer(message: unknown, size: number): undefined {
    const reply = this.#begin(message, size);
    if (reply === undefined) return;
    if ("then" in reply) reply.then((response) => this.#send(response));
    else this.#send(reply);
  }

  /** Runs one message. Returns its response or a promise of it, undefined where there is none. */
  #begin(
    message: unknown,
    size: number,
  ): JSONRPCResponse | PromiseLike<JSONRPCResponse | null> | undefined {
    if (!isRequest(message)) return invalidRequest(message);
    if (message.id === undefined && this.#takeNotification(message)) return undefined;
    if (this.#inFlight >= this.#host.maxInFlight) {
      const error = new ResourceExhaustedError(`${this.#inFlight} calls run on this connection`);
      return message.id === undefined ? undefined : errorResponse(message.id, error);
    }
    this.#inFlight++;
    this.#begun++;
    this.#hold(size);
    return this.#run(message, size);
  }

  /** Resolves to the response when the handler has settled, or the call is canceled before. */
  #run(message: JSONRPCRequest, size: number): Promise<JSONRPCResponse | null> {
    const { dispatcher, peer } = this.#host;
    const { id } = message;
    const call = new RunningCall(peer);
    // Of two calls with one id only the first can be canceled.
    const key = id == null || this.#running.has(id) ? call : id;
    const answer = deferred<JSONRPCResponse | null>();
    const cancel = () => {
      const error = new CancelledError("the caller has canceled the call");
      if (id !== undefined) answer.resolve(errorResponse(id, error));
      call.abort(error);
    };
    this.#running.set(key, { call, cancel });
    const settled = (response: JSONRPCResponse | null) => {
      this.#running.delete(key);
      this.#inFlight--;
      this.#hold(-size);
      answer.resolve(response);
      this.#onSettled?.();
    };
    dispatcher.dispatch(message, call).then(
      settled,
      (error) => settled(errorResponse(id ?? null, error)),
    );
    return answer.promise;
  }

  /** Returns whether the notification was for this end itself or for one of its listeners. */
  #takeNotification(notification: JSONRPCRequest): boolean {
    const { method, params } = notification;
    if (method !== CANCEL) return this.#host.takeNotification(notification);
    if (isRecord(params)) this.#running.get(params.id)?.cancel();
    return true;
  }

  #refuse(kind: "ParseError" | "InvalidRequest", detail: string): undefined {
    this.#send(refusal(null, kind, detail));
  }

  #hold(delta: number): void {
    this.#heldBytes += delta;
    this.#host.account.add(delta);
  }

  #send(response: JSONRPCResponse | null): void {
    if (response !== null && !this.#isClosed) this.#sendText(responseText(response));
  }

  #sendText(text: string): void {
    const { writer } = this.#host;
    writer.write(text);
    if (writer.queuedBytes > MAX_REPLY_QUEUE) this.#host.close();
  }

  /**
   * Returns what to wait for before a request is begun. Responses are never held back: with requests
   * held back at both ends, neither would get on.
   */
  #room(): Promise<void> | undefined {
    const pause = this.#begun >= this.#burst && this.#inFlight > 0;
    return pause || this.#isFull() ? this.#waitForRoom() : undefined;
  }

  #isFull(): boolean {
    return this.#host.writer.queuedBytes > PAUSE_QUEUE || this.#heldBytes > MAX_HELD_BYTES;
  }

  async #waitForRoom(): Promise<void> {
    await yieldToEventLoop();
    const small = this.#host.writer.queuedBytes < SMALL_QUEUE;
    this.#burst = small ? Math.min(this.#burst * 2, MAX_BURST) : 1;
    this.#begun = 0;
    while (!this.#isClosed && this.#isFull()) {
      await this.#host.writer.drain(PAUSE_QUEUE);
      if (!this.#isClosed && this.#heldBytes > MAX_HELD_BYTES) await this.settled();
    }
  }
}
