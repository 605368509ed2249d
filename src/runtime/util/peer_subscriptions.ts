// SPDX-License-Identifier: MIT
import { NotFoundError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";

/** The subscriptions of each connection, which end with it. */
export class PeerSubscriptions<S extends Disposable & { readonly id: string }>
  implements Disposable {
  readonly #most: number;
  readonly #what: string;
  readonly #byPeer = new Map<RemoteEnd, Map<string, S>>();

  /**
   * @param most how many one connection may have
   * @param what how the error calls them, such as `subscriptions`
   */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** Yields every subscription. */
  *[Symbol.iterator](): Generator<S> {
    for (const subscriptions of this.#byPeer.values()) yield* subscriptions.values();
  }

  /**
   * Adds the subscription that `make` returns, until `peer` unsubscribes or is gone.
   *
   * @throws {ResourceExhaustedError} if the connection has too many subscriptions.
   */
  add(peer: RemoteEnd, make: () => S): S {
    let own = this.#byPeer.get(peer);
    if (own === undefined) {
      own = new Map();
      this.#byPeer.set(peer, own);
      peer.closed.then(() => this.#drop(peer));
    }
    if (own.size >= this.#most) {
      throw new ResourceExhaustedError(`this connection has ${this.#most} ${this.#what} already`);
    }
    const subscription = make();
    own.set(subscription.id, subscription);
    return subscription;
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
