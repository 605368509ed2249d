// SPDX-License-Identifier: MIT
import { dial } from "../../rpc/transport/dial.ts";
import { DeadlineExceededError, UnavailableError } from "../../rpc/errors.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { Peer } from "../../rpc/peer/peer.ts";
import type {
  RuntimeCall,
  ShimContract,
  ShimEvent,
  ShimNotifications,
} from "../../rpc/contract/shim.ts";
import { logRpcError } from "../util/log_failure.ts";
import { shimEnded, shimTimeout } from "./shim_errors.ts";

/** Name of a shim method. */
export type ShimMethod = keyof ShimContract & string;

/** How {@linkcode ShimClient.call} waits. */
export interface ShimCallOptions {
  /** Gives up waiting; the shim goes on with the call. */
  readonly signal?: AbortSignal;
}

/** How long calls on a shim may take, in milliseconds. */
export interface ShimTimeouts {
  /** For calls that a healthy shim answers at once; longer means that it is unresponsive. */
  readonly answer: number;
  /** For calls that run the OCI runtime. */
  readonly runtime: number;
}

/** Listens to the notifications of a shim. */
export interface ShimListener {
  /** One event, in the shim's order. */
  event(event: ShimEvent): void;
  /** One call of the OCI runtime that has ended. */
  runtimeCall?(call: RuntimeCall): void;
}

/** Methods that run the OCI runtime and so take as long as it does. */
const RUNS_RUNTIME: ReadonlySet<ShimMethod> = new Set<ShimMethod>([
  "shim.create",
  "shim.start",
  "shim.delete",
  "shim.exec",
  "shim.kill",
  "shim.pause",
  "shim.resume",
  "shim.update",
  "shim.checkpoint",
]);

/**
 * How many events a shim may have to keep longer than needed: an acknowledgment of each costs more than
 * the memory, and an event that it sends again is passed over.
 */
const ACK_EVERY = 32;

/**
 * The daemon's connection to one container's shim, over the bundle's `shim.sock`. Calls reject with
 * {@linkcode DeadlineExceededError} when a shim does not answer and with `UnavailableError`
 * when it is gone.
 */
export class ShimClient implements Disposable {
  readonly #peer: Peer;
  readonly #timeouts: ShimTimeouts;
  #acknowledged = 0;
  #closed = false;

  private constructor(peer: Peer, timeouts: ShimTimeouts) {
    this.#peer = peer;
    this.#timeouts = timeouts;
  }

  /**
   * Dials the shim socket at `path`.
   *
   * @throws {UnavailableError} if no process listens there: the shim is dead.
   * @throws {DeadlineExceededError} if the connection is not taken in time: it may be unresponsive.
   */
  static async dial(
    path: string,
    listener: ShimListener,
    timeouts: ShimTimeouts,
  ): Promise<ShimClient> {
    const peer = await dial(path, {
      timeoutMs: timeouts.answer,
      onError: logRpcError,
    });
    peer.onNotification(
      "shim.event",
      (params) => listener.event(params as ShimNotifications["shim.event"]),
    );
    peer.onNotification(
      "shim.runtimeCall",
      (params) => listener.runtimeCall?.(params as ShimNotifications["shim.runtimeCall"]),
    );
    return new ShimClient(peer, timeouts);
  }

  /** Settles when the shim can no longer be reached through this client; never rejects. */
  get closed(): Promise<void> {
    return this.#peer.closed;
  }

  /** The events up to `seq` are safe: lets the shim forget them, now or some events later. */
  ack(seq: number): void {
    if (seq < this.#acknowledged + ACK_EVERY) return;
    this.#acknowledged = seq;
    this.#peer.notify("shim.ack", { seq });
  }

  /** Calls one shim method. */
  async call<N extends ShimMethod>(
    name: N,
    params: ParamsOf<ShimContract, N>,
    options: ShimCallOptions = {},
  ): Promise<ResultOf<ShimContract, N>> {
    try {
      const answer = RUNS_RUNTIME.has(name)
        ? await this.#callRuntime(name, params, options)
        : await this.#ask(name, params, options);
      return answer as ResultOf<ShimContract, N>;
    } catch (error) {
      // With a cause it is the shim's own word; the reason of the signal is its caller's.
      const ended = error instanceof UnavailableError && error.cause === undefined &&
        error !== options.signal?.reason;
      throw ended && !this.#closed ? shimEnded(name, error) : error;
    }
  }

  /** Makes a call that a healthy shim answers immediately. */
  async #ask(name: ShimMethod, params: unknown, options: ShimCallOptions): Promise<unknown> {
    try {
      return await this.#peer.call(name, params, { ...options, timeoutMs: this.#timeouts.answer });
    } catch (error) {
      if (!(error instanceof DeadlineExceededError)) throw error;
      throw shimTimeout(name, error);
    }
  }

  /**
   * Distinguishes a slow runtime from an unresponsive shim: once the answer is late the shim is asked
   * something that it can answer at once. Only if that stays unanswered too is the call given up early.
   */
  async #callRuntime(
    name: ShimMethod,
    params: unknown,
    options: ShimCallOptions,
  ): Promise<unknown> {
    const giveUp = new AbortController();
    const signal = options.signal
      ? AbortSignal.any([options.signal, giveUp.signal])
      : giveUp.signal;
    const answer = this.#peer.call(name, params, { signal, timeoutMs: this.#timeouts.runtime });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        await this.#peer.call("shim.connect", {}, { timeoutMs: this.#timeouts.answer });
        timer = setTimeout(ask, this.#timeouts.answer);
      } catch (error) {
        giveUp.abort(shimTimeout(name, error));
      }
    };
    timer = setTimeout(ask, this.#timeouts.answer);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Disconnects from the shim, which keeps running. */
  close(): void {
    this.#closed = true;
    this.#peer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
