// SPDX-License-Identifier: MIT
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import { PeerSubscriptions } from "../util/peer_subscriptions.ts";
import type { SubscriptionFilter } from "./event_filter.ts";
import type { Journal } from "./journal.ts";
import { EventSubscriber } from "./event_subscriber.ts";

/** The subscribers to events. */
export class EventSubscribers extends PeerSubscriptions<EventSubscriber> {
  readonly #journal: Journal;
  #last = 0;

  /** Each connection may have 64 subscriptions to `journal`. */
  constructor(journal: Journal) {
    super(64, "subscriptions");
    this.#journal = journal;
  }

  /** How many subscriptions there are. */
  get size(): number {
    return [...this].length;
  }

  /** How many events the slowest subscriber has yet to be sent. */
  get lag(): number {
    return Math.max(0, ...Array.from(this, (subscription) => subscription.lag));
  }

  /**
   * Sends events to `peer` until it unsubscribes or is gone.
   *
   * @throws {ResourceExhaustedError} if the connection has too many subscriptions.
   */
  subscribe(
    peer: RemoteEnd,
    filter: SubscriptionFilter,
  ): ResultOf<DaemonContract, "events.subscribe"> {
    const make = () => new EventSubscriber(`s${++this.#last}`, peer, this.#journal, filter);
    return this.add(peer, make).answer;
  }

  /** Makes every subscription send new events. */
  wake(): void {
    for (const subscription of this) subscription.wake();
  }
}
