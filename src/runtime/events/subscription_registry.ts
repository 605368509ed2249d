// SPDX-License-Identifier: MIT
import { NotFoundError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { ParsedParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import type { Journal } from "./journal.ts";
import { Subscription } from "./subscription.ts";

/** How many subscriptions one connection may have. */
const MOST_PER_PEER = 64;

/** The subscribers to events. */
export class SubscriptionRegistry implements Disposable {
  readonly #journal: Journal;
  readonly #byPeer = new Map<RemoteEnd, Map<string, Subscription>>();
  #last = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** How many subscriptions there are. */
  get size(): number {
    let size = 0;
    for (const subscriptions of this.#byPeer.values()) size += subscriptions.size;
    return size;
  }

  /** How many events the slowest subscriber has yet to be sent. */
  get lag(): number {
    let lag = 0;
    for (const subscription of this.#all()) lag = Math.max(lag, subscription.lag);
    return lag;
  }

  /**
   * Sends events to `peer` until it unsubscribes or is gone.
   *
   * @throws {ResourceExhaustedError} if the connection has too many subscriptions.
   */
  subscribe(
    peer: RemoteEnd,
    params: ParsedParamsOf<DaemonContract, "events.subscribe">,
  ): ResultOf<DaemonContract, "events.subscribe"> {
    let subscriptions = this.#byPeer.get(peer);
    if (subscriptions === undefined) {
      subscriptions = new Map();
      this.#byPeer.set(peer, subscriptions);
      peer.closed.then(() => this.#drop(peer));
    }
    if (subscriptions.size >= MOST_PER_PEER) {
      throw new ResourceExhaustedError(
        `this connection has ${MOST_PER_PEER} subscriptions already`,
      );
    }
    const subscription = new Subscription(`s${++this.#last}`, peer, this.#journal, params);
    subscriptions.set(subscription.id, subscription);
    return subscription.answer;
  }

  /**
   * Ends a subscription of `peer`.
   *
   * @throws {NotFoundError} if the connection has none of this id.
   */
  unsubscribe(peer: RemoteEnd, id: string): Record<string, never> {
    const subscriptions = this.#byPeer.get(peer);
    const subscription = subscriptions?.get(id);
    if (subscription === undefined) {
      throw new NotFoundError(`this connection has no subscription ${id}`);
    }
    subscription[Symbol.dispose]();
    subscriptions?.delete(id);
    return {};
  }

  /** Makes every subscription send new events. */
  wake(): void {
    for (const subscription of this.#all()) subscription.wake();
  }

  /** Ends every subscription. */
  [Symbol.dispose](): void {
    for (const peer of [...this.#byPeer.keys()]) this.#drop(peer);
  }

  *#all(): Generator<Subscription> {
    for (const subscriptions of this.#byPeer.values()) yield* subscriptions.values();
  }

  #drop(peer: RemoteEnd): void {
    for (const subscription of this.#byPeer.get(peer)?.values() ?? []) {
      subscription[Symbol.dispose]();
    }
    this.#byPeer.delete(peer);
  }
}
