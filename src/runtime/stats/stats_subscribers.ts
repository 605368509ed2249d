// SPDX-License-Identifier: MIT
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import type { Listed } from "../container_list.ts";
import { PeerSubscriptions } from "../util/peer_subscriptions.ts";
import { type StatsFilter, StatsSubscription } from "./stats_subscription.ts";

/** How many subscriptions to resource usage one connection may have. */
const MOST_PER_PEER = 16;

/** The subscribers to resource usage. */
export class StatsSubscribers implements Disposable {
  readonly #containers: () => Iterable<Listed>;
  readonly #all = new PeerSubscriptions<StatsSubscription>(
    MOST_PER_PEER,
    "subscriptions to resource usage",
  );
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
    const { id } = this.#all.add(
      peer,
      () => new StatsSubscription(`stats-${++this.#last}`, peer, this.#containers, filter),
    );
    return { subscription: id };
  }

  /**
   * Ends a subscription of `peer`.
   *
   * @throws {NotFoundError} if the connection has none of this id.
   */
  unsubscribe(peer: RemoteEnd, id: string): Record<string, never> {
    this.#all.remove(peer, id);
    return {};
  }

  /** Ends every subscription. */
  [Symbol.dispose](): void {
    this.#all[Symbol.dispose]();
  }
}
