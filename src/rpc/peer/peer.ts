// SPDX-License-Identifier: MIT
import { createJSONRPCNotification } from "json-rpc-2.0";
import type { JSONRPCRequest } from "json-rpc-2.0";
import { after } from "../../linux/event_loop/timer.ts";
import { Outbound } from "./outbound.ts";
import type { CallOptions } from "./call_options.ts";
import { deferred } from "./deferred.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { ErrorListener, Handlers } from "./handler.ts";
import { ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { Inbound } from "./inbound.ts";
import { ByteBudget } from "../protocol/byte_budget.ts";
import type { ByteAccount } from "../protocol/byte_budget.ts";
import { LineReader, MAX_LINE } from "../protocol/line_reader.ts";
import { LineWriter } from "../protocol/line_writer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { stringifyJson } from "../json.ts";

export type { CallOptions } from "./call_options.ts";

/** The part of a `Deno.Conn` that a {@linkcode Peer} uses. */
export interface Connection {
  /** Reads into the beginning of `bytes`. Returns the number of bytes, or null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes from the beginning of `bytes`. Returns the number of bytes written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes both directions; pending reads and writes reject. */
  close(): void;
}

/** The handlers, the listeners and the limits of one end of a connection. */
export interface PeerOptions {
  /** Handlers of the methods that the other end may call. Default: none. */
  readonly handlers?: Handlers | Dispatcher;
  /** Called once when the connection is gone, whichever end closed it. */
  readonly onClose?: () => void;
  /** Receives errors that no caller can act on: they belong in a log, with their stack. */
  readonly onError: ErrorListener;
  /** Calls of the other end that may run at once; further ones get ResourceExhausted. */
  readonly maxInFlight?: number;
  /**
   * Refuses lines of very many values, which take far more memory parsed than as text. For ends that
   * are not trusted. Default: false.
   */
  readonly limitValues?: boolean;
  /**
   * Requests that are begun in the first turn of the event loop and answered in one write. Default: 1,
   * for a short request can have a long answer, and there can be many connections.
   */
  readonly firstBurst?: number | undefined;
  /** Bounds what this connection and others hold in all. Default: no bound. */
  readonly budget?: ByteBudget;
}

/**
 * A connection with more than this to be written to it, bytes, is cut at a notification, and not
 * called any more.
 */
const MAX_QUEUE = 64 * 1024 * 1024;
const MAX_IN_FLIGHT = 32_768;
/** A connection reads into a small buffer, which grows while much comes. */
const FIRST_BUFFER = 16 * 1024;
const LARGEST_BUFFER = 256 * 1024;
/** How often a half-closed connection is tried while its last answers are made, milliseconds. */
const PROBE_MS = 250;
/** How long what the other end has sent is still read once it takes nothing, milliseconds. */
const LAST_WORDS_MS = 1000;

/** One connection of newline-delimited JSON-RPC 2.0; both ends may call and be called. */
export class Peer implements Disposable {
  /** Resolves when the connection is gone, whichever end closed it. Never rejects. */
  readonly closed: Promise<void>;
  readonly #conn: Connection;
  readonly #options: PeerOptions;
  readonly #account: ByteAccount;
  readonly #writer: LineWriter;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #listeners = new Map<string, (params: unknown) => void>();
  readonly #resolveClosed: () => void;
  #isClosed = false;
  #lastWords: Disposable | undefined;

  /** Takes `conn` over and starts reading from it. */
  constructor(conn: Connection, options: PeerOptions) {
    const { handlers = {} } = options;
    this.#conn = conn;
    this.#options = options;
    this.#account = (options.budget ?? new ByteBudget()).open(() => this.#closeForRoom());
    this.#writer = new LineWriter(conn, () => this.#writeFailed(), this.#account);
    this.#outbound = new Outbound((text) => this.#sendCall(text));
    this.#inbound = new Inbound({
      dispatcher: handlers instanceof Dispatcher
        ? handlers
        : new Dispatcher(handlers, options.onError),
      peer: this,
      writer: this.#writer,
      account: this.#account,
      maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
      firstBurst: options.firstBurst ?? 1,
      limitValues: options.limitValues ?? false,
      takeResponse: (response) => this.#outbound.receive(response),
      takeNotification: (notification) => this.#takeNotification(notification),
      close: () => this.close(),
    });
    const { promise, resolve } = deferred<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#run();
  }

  /** Number of bytes that are queued for the other end and not written yet. */
  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  /** How many calls of the other end run right now. */
  get inFlight(): number {
    return this.#inbound.inFlight;
  }

  /**
   * Calls a method of the other end. Rejects with the error that it answered, rebuilt by kind;
   * {@linkcode UnavailableError} when the connection is or goes away, whose message and cause are
   * the last error that the other end sent, such as that there are too many connections; {@linkcode
   * DeadlineExceededError} at the timeout; the signal's reason when that is aborted. Tells the
   * other end of the last two, which then aborts the signal of its handler.
   */
  call(method: string, params?: unknown, options: CallOptions = {}): Promise<unknown> {
    return this.#outbound.call(method, params, options);
  }

  /**
   * Sends a notification; does nothing when the connection is closed. A connection whose other end
   * does not read and has 64 MiB queued is closed: it is better off connecting anew.
   */
  notify(method: string, params?: unknown): void {
    if (this.#isClosed) return;
    this.#writer.write(stringifyJson(createJSONRPCNotification(method, params)));
    if (this.#writer.queuedBytes > MAX_QUEUE) this.close();
  }

  /**
   * Calls `listener` with the params of each notification `method` of the other end, in the order
   * in which they come. Replaces the listener that was there, and comes before handlers.
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
    this.#lastWords?.[Symbol.dispose]();
    try {
      this.#conn.close();
    } catch {
      // Closed already, by the system or by its maker: that is what was wanted.
    }
    this.#writer.close();
    this.#account.close();
    this.#outbound.close();
    this.#inbound.close();
    this.#resolveClosed();
    this.#guard("onClose", () => this.#options.onClose?.());
  }

  /** Closes the connection, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #run(): Promise<void> {
    try {
      await this.#read();
      this.#outbound.close();
      await this.#answerTheRest();
    } catch (error) {
      // A read or write that failed means no more than that the connection is gone.
      if (!this.#isClosed && !isConnectionError(error)) {
        this.#options.onError("reading from a connection:", error);
      }
    }
    this.close();
  }

  async #read(): Promise<void> {
    const reader = new LineReader(MAX_LINE, this.#account);
    try {
      await this.#readLines(reader);
    } finally {
      // Not `using`, which Node 20 does not know.
      reader[Symbol.dispose]();
    }
  }

  async #readLines(reader: LineReader): Promise<void> {
    let buffer = new Uint8Array(FIRST_BUFFER);
    while (!this.#isClosed) {
      const count = await this.#conn.read(buffer);
      if (count === null) break;
      reader.feed(buffer.subarray(0, count));
      this.#inbound.resetBurst();
      for (let line = reader.next(); line !== undefined; line = reader.next()) {
        const pending = this.#inbound.receive(line);
        if (pending !== undefined) await pending;
        if (this.#isClosed) return;
      }
      const size = nextBuffer(buffer.length, count);
      if (size !== buffer.length) {
        this.#account.add(size - buffer.length);
        buffer = new Uint8Array(size);
      }
    }
    const rest = reader.end();
    if (rest !== undefined && !this.#isClosed) await this.#inbound.receive(rest);
  }

  /**
   * The other end sends no more. If it has only shut down its sending side (`nc -N`), it still
   * gets the answers to what it has asked; if it is gone, nothing is worth finishing.
   */
  async #answerTheRest(): Promise<void> {
    await yieldToEventLoop();
    while (!this.#isClosed && (this.#inbound.inFlight > 0 || this.#writer.queuedBytes > 0)) {
      // Writing nothing fails with EPIPE where the other end has closed, and only there.
      if (this.#writer.queuedBytes === 0) await this.#conn.write(new Uint8Array(0));
      const { promise, resolve } = deferred<void>();
      // Not setTimeout, which would cost a shim 1.7 MB for good.
      const timer = after(PROBE_MS, resolve);
      await Promise.race([
        promise,
        this.#inbound.inFlight > 0 ? this.#inbound.settled() : this.#writer.drain(),
      ]);
      timer[Symbol.dispose]();
      await yieldToEventLoop();
    }
  }

  #takeNotification({ method, params }: JSONRPCRequest): boolean {
    const listener = this.#listeners.get(method);
    if (listener !== undefined) this.#guard(method, () => listener(params));
    return listener !== undefined;
  }

  /** The other end has closed; it may have said why before that. Its end is read soon. */
  #writeFailed(): void {
    if (!this.#isClosed) this.#lastWords = after(LAST_WORDS_MS, () => this.close());
  }

  #closeForRoom(): void {
    const message = `closed for what it holds, ${this.#account.bytes} bytes`;
    this.#options.onError("a connection was", new ResourceExhaustedError(message));
    this.close();
  }

  #sendCall(text: string): void {
    if (this.#writer.queuedBytes > MAX_QUEUE) {
      throw new UnavailableError("the other end of the connection does not read");
    }
    this.#writer.write(text);
  }

  #guard(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.onError(`${what}:`, error);
    }
  }
}

/**
 * Returns the size of the buffer for the next read, where one of `size` bytes has taken `count`.
 */
function nextBuffer(size: number, count: number): number {
  if (count === size) return Math.min(size * 4, LARGEST_BUFFER);
  return count <= FIRST_BUFFER ? FIRST_BUFFER : size;
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
