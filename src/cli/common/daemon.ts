// SPDX-License-Identifier: MIT
// The connection of a command to the daemon, also across restarts of it.
import { backoff } from "../../linux/event_loop/backoff.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { isRefused } from "../../linux/libc/errno.ts";
import { dial, type TypedClient, typedClient } from "../../rpc/transport/dial.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import { BerthError, UnavailableError } from "../../rpc/errors.ts";
import { NOBODY_LISTENS } from "../../rpc/transport/connect.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { CallOptions, Peer } from "../../rpc/peer/peer.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { Command } from "commander";
import { CliError } from "./exit_status.ts";

/** Delays between attempts to connect to a daemon that is away. */
const REDIAL = { first: 50, most: 1000 };
/** Delay before a call is repeated while the daemon is not connected to the shim, in milliseconds. */
const SHIM_MS = 100;
/** A daemon that answers Unavailable because it stops closes the connection within this, ms. */
const STOPPING_MS = 1000;

/** Dials a socket of berth's. Throws a {@linkcode CliError} with `start` where nobody listens. */
export async function dialFor(socket: string, start: string): Promise<Peer> {
  try {
    return await dial(socket, {
      onError: (message, error) => console.error(`berth: ${message}`, error),
    });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (isRefused(error.cause)) {
      throw new CliError(
        `permission denied on ${socket}: only root may use it, and the group that the daemon's [socket] gid names`,
        { cause: error },
      );
    }
    if (NOBODY_LISTENS.has(error.data["errno"])) throw new CliError(start, { cause: error });
    throw error;
  }
}

/** The daemon, as a command talks to it. */
export class DaemonConnection implements Disposable {
  readonly #socket: string;
  #peer: Peer;
  #client: TypedClient<DaemonContract>;
  #redialing: Promise<void> | undefined;
  #onEvent: ((event: Event) => void) | undefined;

  private constructor(socket: string, peer: Peer) {
    this.#socket = socket;
    this.#peer = peer;
    this.#client = this.#use(peer);
  }

  /** Connects to the daemon. Throws a {@linkcode CliError} that says how to start one if there is none. */
  static async connect(socket: string): Promise<DaemonConnection> {
    return new DaemonConnection(socket, await DaemonConnection.#dial(socket));
  }

  /** Connects as soon as there is a daemon. */
  static async connectWhenThere(socket: string): Promise<DaemonConnection> {
    return new DaemonConnection(socket, await DaemonConnection.#dialUntilAnswered(socket));
  }

  static #dial(socket: string): Promise<Peer> {
    return dialFor(
      socket,
      `no daemon listens on ${socket}: start one with "berth daemon", or say where it is with --socket or BERTH_SOCKET`,
    );
  }

  #use(peer: Peer): TypedClient<DaemonContract> {
    this.#peer = peer;
    peer.onNotification("events.event", (params) => {
      // The daemon makes these from the same contract.
      this.#onEvent?.((params as { event: Event }).event);
    });
    return typedClient<DaemonContract>(peer);
  }

  /** The connection itself, for calls by name. */
  get peer(): Peer {
    return this.#peer;
  }

  /** Calls a method; rejects with its typed error. */
  call<N extends keyof DaemonContract & string>(
    name: N,
    params: ParamsOf<DaemonContract, N>,
    options?: CallOptions,
  ): Promise<ResultOf<DaemonContract, N>> {
    return this.#client.call(name, params, options);
  }

  /**
   * Calls a method that may be asked again, and does so for as long as the daemon is away: a
   * container outlives its daemon, and so does a wait for it.
   */
  async callAcrossRestarts<N extends keyof DaemonContract & string>(
    name: N,
    params: ParamsOf<DaemonContract, N>,
    options: CallOptions = {},
  ): Promise<ResultOf<DaemonContract, N>> {
    while (true) {
      const peer = this.#peer;
      try {
        return await this.call(name, params, options);
      } catch (error) {
        // A daemon that has just started may still look for the container's shim.
        if (isShimConnecting(error)) await sleep(SHIM_MS);
        else if (await isConnectionLost(peer, error)) await this.#redial(peer);
        else throw error;
        options.signal?.throwIfAborted();
      }
    }
  }

  /** Connects anew in the place of a connection that was lost; once for all calls that lost it. */
  async #redial(old: Peer): Promise<void> {
    if (this.#peer !== old) return;
    this.#redialing ??= DaemonConnection.#dialUntilAnswered(this.#socket).then((peer) => {
      this.#client = this.#use(peer);
      this.#redialing = undefined;
    });
    await this.#redialing;
  }

  static async #dialUntilAnswered(socket: string): Promise<Peer> {
    for (const delay of backoff(REDIAL)) {
      try {
        return await DaemonConnection.#dial(socket);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
      }
      await delay();
    }
    throw new Error("unreachable: the dialing has no end");
  }

  /**
   * Gives `listener` each event after `after` (none: from now on), without gap or repetition, and
   * goes on where it was when the daemon comes back; forever, unless an error ends it. `onGap` is
   * told when events that were asked for are no longer kept, or when there is none yet that `after`
   * names, as where the state was removed meanwhile: then all that are kept come. Rejects with what
   * `listener` throws, which then gets no more events.
   */
  async follow(
    params: ParamsOf<DaemonContract, "events.subscribe">,
    listener: (event: Event) => void,
    onGap: (asked: { readonly after: number; readonly latest: number }) => void,
  ): Promise<never> {
    let after = params.after;
    // The first events may come in one piece with the answer, before that is dealt with.
    let early: Event[] | undefined;
    // An error of the listener comes up in the peer, which would only log it.
    const failed = Promise.withResolvers<never>();
    const take = (event: Event) => {
      after = event.seq;
      listener(event);
    };
    this.#onEvent = (event) => {
      try {
        if (early === undefined) take(event);
        else early.push(event);
      } catch (error) {
        this.#onEvent = undefined;
        failed.reject(error);
      }
    };
    while (true) {
      early = [];
      const { latest, gap } = await this.callAcrossRestarts("events.subscribe", {
        ...params,
        after,
      });
      after ??= latest;
      if (gap) onGap({ after, latest });
      if (after > latest) after = 0;
      for (const event of early) take(event);
      early = undefined;
      await Promise.race([this.#peer.closed, failed.promise]);
    }
  }

  [Symbol.dispose](): void {
    this.#peer.close();
  }
}

/**
 * Runs `action` with a connection to the daemon that the command's `--socket` names, and closes it.
 * Throws a {@linkcode CliError} that says how to start a daemon when there is none.
 */
export async function withDaemon(
  command: Command,
  action: (daemon: DaemonConnection) => Promise<void>,
): Promise<void> {
  using daemon = await DaemonConnection.connect(
    command.optsWithGlobals<{ socket: string }>().socket,
  );
  await action(daemon);
}

/**
 * Returns whether the error means that the daemon has no connection to the container's shim yet.
 */
export function isShimConnecting(error: unknown): boolean {
  return error instanceof BerthError && error.kind === "Unavailable" &&
    error.data["shim"] === "connecting";
}

/** Returns whether the error means that the connection is gone, and not that a shim is. */
export async function isConnectionLost(peer: Peer, error: unknown): Promise<boolean> {
  if (!(error instanceof BerthError) || error.kind !== "Unavailable") return false;
  return await withTimeout(peer.closed, STOPPING_MS);
}
