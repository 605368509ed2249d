// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";
import { ByteBudget } from "../protocol/byte_budget.ts";
import { ResourceExhaustedError } from "../errors.ts";
import { toWire } from "../protocol/error_codec.ts";
import { Dispatcher } from "../peer/dispatcher.ts";
import { Peer } from "../peer/peer.ts";
import type { ErrorListener, Handlers } from "../peer/handler.ts";
import { bindSocket, refuseIfTaken, removeSocket } from "./socket_file.ts";

/** Handlers for clients, permissions of the socket file, and limits of connections. */
export interface ServerOptions {
  /** Handlers of the methods that clients may call. */
  readonly handlers: Handlers;
  /** Permissions of the socket file. Default: 0600. */
  readonly mode?: number;
  /** Group that owns the socket file. Default: the process's own. */
  readonly gid?: number;
  /**
   * Whether there is room for another connection; one that comes when there is none is told so and
   * closed. Default: there always is.
   */
  readonly hasRoom?: () => boolean;
  /** Called with each new connection, before anything is read from it. */
  readonly onConnect?: (peer: Peer) => void;
  /** Called when a connection is gone. */
  readonly onDisconnect?: (peer: Peer) => void;
  /** Receives errors that no caller can act on: they belong in a log, with their stack. */
  readonly onError: ErrorListener;
  /** Requests that a new connection may begin in one turn of the event loop. Default: 1. */
  readonly firstBurst?: number;
  /** Bounds what all connections hold: the worst is closed. Default: one of 128 MiB. */
  readonly budget?: ByteBudget;
}

/** Bytes of the default `budget`: each of a few clients may send or be sent the longest line. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;

/** How long to wait before accepting again after that failed (out of files), milliseconds. */
const ACCEPT_RETRY_MS = 50;

/** How often it is reported that accepting fails, milliseconds. */
const ACCEPT_REPORT_MS = 10_000;

/** Serves JSON-RPC on a Unix socket. */
export class Server implements AsyncDisposable {
  /** Where it listens. */
  readonly path: string;
  readonly #options: ServerOptions;
  readonly #dispatcher: Dispatcher;
  readonly #budget: ByteBudget;
  readonly #listener: Deno.UnixListener;
  readonly #inode: number | null;
  readonly #peers = new Set<Peer>();
  readonly #accepting: Promise<void>;
  #listening = true;
  #refusing = false;

  /**
   * Listens on `path`, of any length. A socket file that no process answers on is replaced. Throws
   * {@linkcode FailedPreconditionError} where one does, or where something else than a socket
   * is at `path`; `Deno.errors.*` where the system refuses.
   */
  static async listen(path: string, options: ServerOptions): Promise<Server> {
    await refuseIfTaken(path);
    return new Server(path, options);
  }

  private constructor(path: string, options: ServerOptions) {
    this.path = path;
    this.#options = options;
    this.#dispatcher = new Dispatcher(options.handlers, options.onError);
    this.#budget = options.budget ?? new ByteBudget(MAX_HELD_BYTES);
    const { listener, inode } = bindSocket(path, options);
    this.#listener = listener;
    this.#inode = inode;
    this.#accepting = this.#accept();
  }

  /** The connections of the moment. */
  get peers(): ReadonlySet<Peer> {
    return this.#peers;
  }

  /** Accepts no more connections and removes the socket file; those that are there go on. */
  stopListening(): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.#unlink();
    this.#listener.close();
  }

  /** Stops listening and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening();
    for (const peer of this.#peers) peer.close();
    await this.#accepting;
  }

  #unlink(): void {
    try {
      removeSocket(this.path, this.#inode);
    } catch (error) {
      this.#options.onError(`removing ${this.path}:`, error);
    }
  }

  async #accept(): Promise<void> {
    let reported = -Infinity;
    while (this.#listening) {
      try {
        this.#connected(await this.#listener.accept());
      } catch (error) {
        if (!this.#listening) return;
        if (performance.now() - reported > ACCEPT_REPORT_MS) {
          this.#options.onError(`accepting on ${this.path}:`, error);
          reported = performance.now();
        }
        await sleep(ACCEPT_RETRY_MS);
      }
    }
  }

  #connected(conn: Deno.UnixConn): void {
    const { firstBurst, hasRoom, onConnect, onDisconnect, onError } = this.#options;
    if (hasRoom?.() === false) return this.#refuse(conn);
    this.#refusing = false;
    const peer: Peer = new Peer(conn, {
      handlers: this.#dispatcher,
      budget: this.#budget,
      limitValues: true,
      firstBurst,
      onError,
      onClose: () => {
        this.#peers.delete(peer);
        onDisconnect?.(peer);
      },
    });
    this.#peers.add(peer);
    onConnect?.(peer);
  }

  /** Sends the reason, if the other end takes it immediately, and closes the connection. */
  #refuse(conn: Deno.UnixConn): void {
    const error = new ResourceExhaustedError("too many connections: try again later");
    // Once, not for each one that comes.
    if (!this.#refusing) this.#options.onError(`accepting on ${this.path}`, error);
    this.#refusing = true;
    const line = JSON.stringify({ jsonrpc: "2.0", id: null, error: toWire(error) });
    conn.write(new TextEncoder().encode(`${line}\n`)).catch(() => {
      // It has gone already.
    }).finally(() => conn.close());
  }
}
