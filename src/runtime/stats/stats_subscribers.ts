// SPDX-License-Identifier: MIT
import { NotFoundError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import type { Listed } from "../container_list.ts";
import { type StatsFilter, StatsSubscription } from "./stats_subscription.ts";

/** How many subscriptions to resource usage one connection may have. */
const MOST_PER_PEER = 16;

/** The subscribers to resource usage. */
export class StatsSubscribers implements Disposable {
  readonly #containers: () => Iterable<Listed>;
  readonly #byPeer = new Map<RemoteEnd, Map<string, StatsSubscription>>();
  #last = 0;

  /** `containers` returns every container there is. */
  constructor(containers: () => Iterable<Listed>) {
    this.#containers = containers;
  }

  /**
   * Sends readings to `peer` until it unsubscribes or is gone.
   *
   * @throws {ResourceExhaustedError} if the connection has too many subscriptions.
   */
  subscribe(peer: RemoteEnd, filter: StatsFilter): { subscription: string } {
    let own = this.#byPeer.get(peer);
    if (own === undefined) {
      own = new Map();
      this.#byPeer.set(peer, own);
      peer.closed.then(() => this.#drop(peer));
    }
    if (own.size >= MOST_PER_PEER) {
      throw new ResourceExhaustedError(
        `this connection has ${MOST_PER_PEER} subscriptions to resource usage already`,
      );
    }
    const subscription = new StatsSubscription(
      `stats-${++this.#last}`,
      peer,
      this.#containers,
      filter,
    );
    own.set(subscription.id, subscription);
    return { subscription: subscription.id };
  }

  /**
   * Ends a subscription of `peer`.
   *
   * @throws {NotFoundError} if the connection has none of this id.
   */
  unsubscribe(peer: RemoteEnd, id: string): Record<string, never> {
    const own = this.#byPeer.get(peer);
    const subscription = own?.get(id);
    if (subscription === undefined) {
      throw new NotFoundError(`this connection has no subscription ${id}`);
    }
    subscription[Symbol.dispose]();
    own?.delete(id);
    return {};
  }

  /** Ends every subscription. */
  [Symbol.dispose](): void {
    for (const peer of [...this.#byPeer.keys()]) this.#drop(peer);
  }

  #drop(peer: RemoteEnd): void {
    for (const subscription of this.#byPeer.get(peer)?.values() ?? []) {
      subscription[Symbol.dispose]();
    }
    this.#byPeer.delete(peer);
  }
}
