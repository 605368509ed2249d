// SPDX-License-Identifier: MIT
// The connection of a client to its daemon.
import { UnavailableError } from "../rpc/errors.ts";
import { Peer } from "../rpc/peer/peer.ts";
import { connectSocket } from "../rpc/transport/connect.ts";
import { pauseFor } from "../rpc/transport/pause.ts";
import type { CallOptions } from "../rpc/peer/call_options.ts";
import { untilAborted } from "../until_aborted.ts";
import { openSocket } from "./connection.ts";
import type { DaemonMethods } from "./daemon_types.ts";

/** A daemon that is stopping closes its connections within this time, milliseconds. */
const STOPPING_MS = 1000;

/**
 * Dials the daemon. Rejects with {@linkcode UnavailableError}, whose `data.errno` says why, or with
 * the signal's reason.
 */
export async function dialDaemon(socket: string, signal?: AbortSignal): Promise<Peer> {
  const name = `the daemon at ${socket}`;
  const connection = await connectSocket(name, () => openSocket(socket), { signal });
  return new Peer(connection, {
    onError: (message, error) => console.error(`berth client: ${message}`, error),
  });
}

/** A connection to the daemon that is made when it is needed, and again when it was lost. */
export class DaemonLink {
  /** The daemon's socket. */
  readonly socket: string;
  #dialing: Promise<Peer> | undefined;
  #peer: Peer | undefined;
  #closed = false;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** Resolves when there is a connection. Rejects as {@linkcode dialDaemon} does. */
  async ready(signal?: AbortSignal): Promise<void> {
    await this.#connected(signal);
  }

  /** See `Client.call`. */
  async call<N extends keyof DaemonMethods>(
    method: N,
    params: DaemonMethods[N]["params"],
    options: CallOptions = {},
  ): Promise<DaemonMethods[N]["result"]> {
    const peer = await this.#connected(options.signal);
    // The other end is berth, which makes results from the contract that the types are made from.
    return await peer.call(method, params, options) as DaemonMethods[N]["result"];
  }

  /**
   * Returns whether an error means that the daemon has gone away, and not that a shim has: the call
   * could not be asked, or its answer was lost. A daemon that stops says so first and closes the
   * connection then.
   */
  async isAway(error: unknown): Promise<boolean> {
    if (!(error instanceof UnavailableError) || this.#closed) return false;
    if (error.data.shim === "connecting" || error.data.errno !== undefined) return true;
    const peer = this.#peer;
    if (peer === undefined) return true;
    await pauseFor(peer.closed, STOPPING_MS);
    return this.#peer !== peer;
  }

  /** Whether {@linkcode close} was called. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Closes the connection; calls reject from now on. */
  close(): void {
    this.#closed = true;
    this.#peer?.close();
  }

  async #connected(signal: AbortSignal | undefined): Promise<Peer> {
    signal?.throwIfAborted();
    if (this.#closed) throw new UnavailableError("this client is closed");
    if (this.#peer !== undefined) return this.#peer;
    // One connection for all that ask for it at once; each gives up for itself.
    this.#dialing ??= this.#dial();
    return await untilAborted(this.#dialing, signal);
  }

  async #dial(): Promise<Peer> {
    try {
      const peer = await dialDaemon(this.socket);
      this.#peer = peer;
      peer.closed.then(() => this.#peer = undefined);
      if (this.#closed) peer.close();
      return peer;
    } finally {
      this.#dialing = undefined;
    }
  }
}
