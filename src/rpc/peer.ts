// SPDX-License-Identifier: MIT
import { createJSONRPCNotification, createJSONRPCRequest, JSONRPCClient } from "json-rpc-2.0";
import type { JSONRPCRequest, JSONRPCResponse } from "json-rpc-2.0";
import { Batch, MAX_BATCH } from "./batch.ts";
import {
  Dispatcher,
  errorResponse,
  invalidRequest,
  isRequest,
  isResponse,
  refusal,
} from "./dispatcher.ts";
import type { ErrorListener, HandlerContext, Handlers } from "./dispatcher.ts";
import { DeadlineExceededError, ResourceExhaustedError, UnavailableError } from "./errors.ts";
import { LineReader, MAX_LINE, TOO_LONG } from "./line_reader.ts";
import { LineWriter } from "./line_writer.ts";
import { isLonger, responseText } from "./response_text.ts";
import { fromWire, isRecord } from "./to_wire.ts";

export type { ErrorListener, Handler, HandlerContext, Handlers } from "./dispatcher.ts";

/** What a {@linkcode Peer} needs of a connection; a `Deno.Conn` is one. */
export interface Connection {
  /** Fills a beginning of `bytes` and answers its length; null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes a beginning of `bytes` and answers its length. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes both directions; reads and writes under way reject. */
  close(): void;
}

/** Options of a {@linkcode Peer}. */
export interface PeerOptions {
  /** What the other end may call. Default: nothing. */
  readonly handlers?: Handlers | Dispatcher;
  /** Called once when the connection is gone, whichever end closed it. */
  readonly onClose?: () => void;
  /** Told of errors that no caller can act on. Default: they are dropped. */
  readonly onError?: ErrorListener;
  /** Calls of the other end that may run at once; further ones get ResourceExhausted. */
  readonly maxInFlight?: number;
}

/** Options of {@linkcode Peer.call}. */
export interface CallOptions {
  /** Gives up waiting; the call then rejects with the signal's reason. The other end goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up waiting after so many milliseconds, with {@linkcode DeadlineExceededError}. */
  readonly timeoutMs?: number | undefined;
}

/** Requests are not read from a connection that has more than this to be written to it, bytes. */
const PAUSE_QUEUE = 1024 * 1024;
/** A connection with more than this to be written to it, bytes, is cut at a notification. */
const MAX_NOTIFY_QUEUE = 64 * 1024 * 1024;
/** The same at a response. Above {@linkcode PAUSE_QUEUE} only what was begun before still comes. */
const MAX_REPLY_QUEUE = 256 * 1024 * 1024;
/** Requests are not read while those that run were longer than this in all, bytes. */
const MAX_RUNNING_BYTES = 64 * 1024 * 1024;
/** So many requests are begun in one turn of the event loop, so that their answers can go out. */
const BURST = 16;
const MAX_IN_FLIGHT = 32_768;
const FIRST_BUFFER = 16 * 1024;
const LARGEST_BUFFER = 256 * 1024;
/** How often a half-closed connection is tried while its last answers are made, milliseconds. */
const PROBE_MS = 250;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One connection of newline-delimited JSON-RPC 2.0; both ends may call and be called. */
export class Peer implements Disposable {
  /** Resolves when the connection is gone, whichever end closed it. Never rejects. */
  readonly closed: Promise<void>;
  readonly #conn: Connection;
  readonly #writer: LineWriter;
  readonly #dispatcher: Dispatcher;
  readonly #client: JSONRPCClient;
  readonly #abort = new AbortController();
  readonly #context: HandlerContext;
  readonly #listeners = new Map<string, (params: unknown) => void>();
  readonly #options: PeerOptions;
  readonly #maxInFlight: number;
  readonly #resolveClosed: () => void;
  #isClosed = false;
  /** The other end sends no more: it can still be answered, but not called. */
  #ended = false;
  #lastId = 0;
  #inFlight = 0;
  #runningBytes = 0;
  #begun = 0;
  #onSettled: (() => void) | undefined;

  /** Takes `conn` over and starts reading from it. */
  constructor(conn: Connection, options: PeerOptions = {}) {
    this.#conn = conn;
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    this.#dispatcher = options.handlers instanceof Dispatcher
      ? options.handlers
      : new Dispatcher(options.handlers ?? {}, options.onError);
    this.#writer = new LineWriter(conn, () => this.close());
    this.#client = new JSONRPCClient((request: JSONRPCRequest) => this.#sendCall(request));
    this.#context = { peer: this, signal: this.#abort.signal };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#run();
  }

  /** What is queued for the other end and not written yet, in bytes. */
  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  /** How many calls of the other end run right now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Calls a method of the other end. Rejects with the error that it answered, rebuilt by kind;
   * {@linkcode UnavailableError} when the connection is or goes away;
   * {@linkcode DeadlineExceededError} at the timeout; the signal's reason when that is aborted.
   */
  async call(method: string, params?: unknown, options: CallOptions = {}): Promise<unknown> {
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#ended) {
      throw new UnavailableError(`cannot call ${method}: the connection is closed`);
    }
    const id = ++this.#lastId;
    let givenUp: { reason: unknown } | undefined;
    const giveUp = (reason: unknown) => {
      givenUp = { reason };
      this.#client.receive(errorResponse(id, reason));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(
      () => giveUp(new DeadlineExceededError(`${method}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = signal && (() => giveUp(signal.reason));
    if (onAbort) signal.addEventListener("abort", onAbort, { once: true });
    const response = await this.#client.requestAdvanced(createJSONRPCRequest(id, method, params));
    if (timer !== undefined) clearTimeout(timer);
    if (onAbort) signal.removeEventListener("abort", onAbort);
    if (givenUp !== undefined) throw givenUp.reason;
    const error: unknown = response.error;
    if (error === undefined || error === null) return response.result;
    if (this.#ended && isLocal(error)) {
      throw new UnavailableError(`${method}: the connection was closed before the answer came`);
    }
    throw fromWire(error);
  }

  /**
   * Sends a notification; does nothing when the connection is closed. A connection whose other end
   * does not read and has 64 MiB queued is closed: it is better off connecting anew.
   */
  notify(method: string, params?: unknown): void {
    if (this.#isClosed) return;
    this.#writer.write(JSON.stringify(createJSONRPCNotification(method, params)));
    if (this.#writer.queuedBytes > MAX_NOTIFY_QUEUE) this.close();
  }

  /**
   * Has `listener` called with the params of each notification `method` of the other end, in the
   * order in which they come. Replaces the listener that was there, and comes before handlers.
   */
  onNotification(method: string, listener: (params: unknown) => void): void {
    this.#listeners.set(method, listener);
  }

  /** Resolves when at most `limit` bytes are queued for the other end, or the connection is gone. */
  drain(limit = 0): Promise<void> {
    return this.#writer.drain(limit);
  }

  /** Closes the connection at once; what is queued is dropped (see {@linkcode drain}). */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ended = true;
    try {
      this.#conn.close();
    } catch {
      // Closed already, by the system or by who made it: that is what was wanted.
    }
    this.#writer.close();
    this.#failCalls();
    this.#abort.abort(new UnavailableError("the connection is closed"));
    this.#onSettled?.();
    this.#resolveClosed();
    this.#guard("onClose", () => this.#options.onClose?.());
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #run(): Promise<void> {
    try {
      await this.#read();
      this.#ended = true;
      this.#failCalls();
      await this.#answerTheRest();
    } catch (error) {
      // A read or write that failed means no more than that the connection is gone.
      if (!this.#isClosed && !isConnectionError(error)) {
        this.#options.onError?.("reading from a connection", error);
      }
    }
    this.close();
  }

  async #read(): Promise<void> {
    const reader = new LineReader();
    let buffer = new Uint8Array(FIRST_BUFFER);
    while (!this.#isClosed) {
      const count = await this.#conn.read(buffer);
      if (count === null) break;
      reader.feed(buffer.subarray(0, count));
      this.#begun = 0;
      for (let line = reader.next(); line !== undefined; line = reader.next()) {
        const pending = line === TOO_LONG ? this.#refuseLine() : this.#receive(line);
        if (pending !== undefined) await pending;
        if (this.#isClosed) return;
      }
      if (count === buffer.length && count < LARGEST_BUFFER) buffer = new Uint8Array(count * 4);
    }
    const rest = reader.end();
    if (rest !== undefined && !this.#isClosed) await this.#receive(rest);
  }

  #refuseLine(): Promise<void> | undefined {
    this.#send(refusal(null, "InvalidRequest", `a line is longer than ${MAX_LINE} bytes`));
    return this.#backPressure();
  }

  /** Handles one line. What it returns, if anything, is to be awaited before the next. */
  #receive(line: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    let message: unknown;
    try {
      message = JSON.parse(decoder.decode(line));
    } catch (error) {
      const what = error instanceof SyntaxError ? "not valid JSON" : "not valid UTF-8";
      this.#send(refusal(null, "ParseError", `the line is ${what}`));
      return this.#backPressure();
    }
    if (Array.isArray(message)) return this.#receiveBatch(message, line.length);
    if (isResponse(message)) {
      this.#client.receive(message);
      return undefined;
    }
    const reply = this.#begin(message, line.length);
    if (reply === undefined) return undefined;
    if ("then" in reply) reply.then((response) => this.#send(response));
    else this.#send(reply);
    return this.#backPressure();
  }

  async #receiveBatch(messages: readonly unknown[], size: number): Promise<void> {
    if (messages.length === 0 || messages.length > MAX_BATCH) {
      const what = messages.length === 0 ? "is empty" : `holds more than ${MAX_BATCH} requests`;
      this.#send(refusal(null, "InvalidRequest", `the batch ${what}`));
      return await this.#backPressure();
    }
    const batch = new Batch((text) => this.#sendText(text));
    const share = Math.ceil(size / messages.length);
    for (const message of messages) {
      if (isResponse(message)) {
        this.#client.receive(message);
        continue;
      }
      batch.add(this.#begin(message, share));
      await this.#backPressure();
      if (this.#isClosed) return;
    }
    batch.seal();
  }

  /** Begins what one message asks for: its response or a promise of it, undefined for none. */
  #begin(
    message: unknown,
    size: number,
  ): JSONRPCResponse | Promise<JSONRPCResponse | null> | undefined {
    if (!isRequest(message)) return invalidRequest(message);
    if (message.id === undefined) {
      const listener = this.#listeners.get(message.method);
      if (listener !== undefined) {
        this.#guard(message.method, () => listener(message.params));
        return undefined;
      }
    }
    if (this.#inFlight >= this.#maxInFlight) {
      const error = new ResourceExhaustedError(`${this.#inFlight} calls run on this connection`);
      return message.id === undefined ? undefined : errorResponse(message.id, error);
    }
    this.#inFlight++;
    this.#runningBytes += size;
    return this.#dispatch(message, size);
  }

  async #dispatch(message: JSONRPCRequest, size: number): Promise<JSONRPCResponse | null> {
    try {
      return await this.#dispatcher.dispatch(message, this.#context);
    } catch (error) {
      return errorResponse(message.id ?? null, error);
    } finally {
      this.#inFlight--;
      this.#runningBytes -= size;
      this.#onSettled?.();
    }
  }

  /** After each request: holds the reader back while this end has enough to do for the other. */
  #backPressure(): Promise<void> | undefined {
    const pause = ++this.#begun % BURST === 0 && this.#inFlight > 0;
    return pause || this.#isFull() ? this.#waitForRoom() : undefined;
  }

  #isFull(): boolean {
    return this.#writer.queuedBytes > PAUSE_QUEUE || this.#runningBytes > MAX_RUNNING_BYTES;
  }

  async #waitForRoom(): Promise<void> {
    await nextTurn();
    while (!this.#isClosed && this.#isFull()) {
      await this.#writer.drain(PAUSE_QUEUE);
      if (this.#runningBytes > MAX_RUNNING_BYTES) await this.#settled();
    }
  }

  /** Resolves when the next call has been answered, or the connection is closed. */
  #settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = resolve;
    return promise;
  }

  /**
   * The other end sends no more. If it has only shut down its sending side (`nc -N`), it still
   * gets the answers to what it has asked; if it is gone, nothing is worth finishing.
   */
  async #answerTheRest(): Promise<void> {
    await nextTurn();
    while (!this.#isClosed && (this.#inFlight > 0 || this.#writer.queuedBytes > 0)) {
      // Writing nothing fails with EPIPE where the other end has closed, and only there.
      if (this.#writer.queuedBytes === 0) await this.#conn.write(new Uint8Array(0));
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, PROBE_MS);
      await Promise.race([promise, this.#inFlight > 0 ? this.#settled() : this.#writer.drain()]);
      clearTimeout(timer);
      await nextTurn();
    }
  }

  #send(response: JSONRPCResponse | null): void {
    if (response !== null && !this.#isClosed) this.#sendText(responseText(response));
  }

  #sendText(text: string): void {
    this.#writer.write(text);
    if (this.#writer.queuedBytes > MAX_REPLY_QUEUE) this.close();
  }

  #sendCall(request: JSONRPCRequest): void {
    let text: string;
    try {
      text = JSON.stringify(request);
      if (isLonger(text, MAX_LINE)) {
        throw new ResourceExhaustedError(
          `${request.method}: the call is longer than a line may be`,
        );
      }
    } catch (error) {
      this.#client.receive(errorResponse(request.id ?? null, error));
      return;
    }
    this.#writer.write(text);
  }

  #failCalls(): void {
    this.#client.rejectAllPendingRequests("closed");
  }

  #guard(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.onError?.(what, error);
    }
  }
}

/** One turn of the event loop: what has been answered can be written meanwhile. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether the client itself made this error, by rejectAllPendingRequests: its code is always 0. */
function isLocal(error: unknown): boolean {
  return isRecord(error) && error.code === 0;
}

/** Errors that reading and writing throw because the other end, or this one, has closed. */
const CONNECTION_ERRORS: ReadonlySet<string> = new Set([
  "BrokenPipe",
  "ConnectionReset",
  "BadResource",
  "Interrupted",
]);

function isConnectionError(error: unknown): boolean {
  return error instanceof Error && CONNECTION_ERRORS.has(error.name);
}
