// SPDX-License-Identifier: MIT
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import type { Listed } from "../container_list.ts";
import { PeerSubscriptions } from "../util/peer_subscriptions.ts";
import { type StatsFilter, StatsSubscriber } from "./stats_subscriber.ts";

/** The subscribers to resource usage. */
export class StatsSubscribers extends PeerSubscriptions<StatsSubscriber> {
  readonly #containers: Iterable<Listed>;
  #last = 0;

  /** Each connection may have 16 subscriptions. `containers` yields every container there is. */
  constructor(containers: Iterable<Listed>) {
    super(16, "subscriptions to resource usage");
    this.#containers = containers;
  }

  /**
   * Sends readings to `peer` until it unsubscribes or is gone.
   *
   * @throws {ResourceExhaustedError} if the connection has too many subscriptions.
   */
  subscribe(peer: RemoteEnd, filter: StatsFilter): { subscription: string } {
    const make = () => new StatsSubscriber(`stats-${++this.#last}`, peer, this.#containers, filter);
    return { subscription: this.add(peer, make).id };
  }
}
