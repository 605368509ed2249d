// SPDX-License-Identifier: MIT
import type { ParsedParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import type { Journal } from "./journal.ts";
import { PeerSubscriptions } from "../util/peer_subscriptions.ts";
import { Subscription } from "./subscription.ts";

/** How many subscriptions one connection may have. */
const MOST_PER_PEER = 64;

/** The subscribers to events. */
export class SubscriptionRegistry implements Disposable {
  readonly #journal: Journal;
  readonly #all = new PeerSubscriptions<Subscription>(MOST_PER_PEER, "subscriptions");
  #last = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** How many subscriptions there are. */
  get size(): number {
    return [...this.#all].length;
  }

  /** How many events the slowest subscriber has yet to be sent. */
  get lag(): number {
    let lag = 0;
    for (const subscription of this.#all) lag = Math.max(lag, subscription.lag);
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
    const { answer } = this.#all.add(
      peer,
      () => new Subscription(`s${++this.#last}`, peer, this.#journal, params),
    );
    return answer;
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

  /** Makes every subscription send new events. */
  wake(): void {
    for (const subscription of this.#all) subscription.wake();
  }

  /** Ends every subscription. */
  [Symbol.dispose](): void {
    this.#all[Symbol.dispose]();
  }
}
