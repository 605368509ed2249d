// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import { PeerSubscriptions } from "./peer_subscriptions.ts";

class FakePeer implements RemoteEnd {
  readonly #closed = Promise.withResolvers<void>();
  readonly closed = this.#closed.promise;
  readonly queuedBytes = 0;
  notify(): void {}
  drain(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    this.#closed.resolve();
  }
}

/** Makes subscriptions that tell `ended` when they are disposed of. */
function makerOf(ended: string[]) {
  return (id: string) => () => ({ id, [Symbol.dispose]: () => void ended.push(id) });
}

Deno.test("PeerSubscriptions: those of a connection end with it, and all at the end", async () => {
  const ended: string[] = [];
  const make = makerOf(ended);
  const [first, second] = [new FakePeer(), new FakePeer()];
  {
    using all = new PeerSubscriptions(2, "subscriptions");
    all.add(first, make("a"));
    all.add(first, make("b"));
    all.add(second, make("c"));
    assert.deepEqual([...all].map(({ id }) => id), ["a", "b", "c"]);
    first.close();
    await first.closed;
    assert.deepEqual([ended, [...all].map(({ id }) => id)], [["a", "b"], ["c"]]);
  }
  assert.deepEqual(ended, ["a", "b", "c"]);
});

Deno.test("PeerSubscriptions: a connection has so many at most, and ends only its own", () => {
  const ended: string[] = [];
  const make = makerOf(ended);
  const [first, second] = [new FakePeer(), new FakePeer()];
  using all = new PeerSubscriptions(1, "subscriptions");
  all.add(first, make("a"));
  assert.throws(() => all.add(first, make("b")), ResourceExhaustedError);
  assert.throws(() => all.unsubscribe(second, "a"), NotFoundError);
  all.unsubscribe(first, "a");
  assert.throws(() => all.unsubscribe(first, "a"), NotFoundError);
  all.add(first, make("b"));
  assert.deepEqual(ended, ["a"]);
});
