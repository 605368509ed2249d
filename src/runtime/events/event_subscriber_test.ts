// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import type { EventType } from "../../rpc/contract/schemas.ts";
import { Journal, type JournalOptions } from "./journal.ts";
import { EventSubscriber, type SubscriberPeer } from "./event_subscriber.ts";

interface Notification {
  readonly subscription: string;
  readonly event: { readonly seq: number };
  readonly gap?: boolean;
}

/** A connection whose reader takes what it is sent only while it is not stalled. */
class FakePeer implements SubscriberPeer {
  readonly got: Notification[] = [];
  stalled = false;
  queuedBytes = 0;
  peak = 0;
  isClosed = false;
  #drained: PromiseWithResolvers<void> | undefined;

  notify(method: string, params: unknown): void {
    assert.equal(method, "events.event");
    const text = JSON.stringify(params);
    this.got.push(JSON.parse(text));
    if (!this.stalled) return;
    this.queuedBytes += text.length;
    this.peak = Math.max(this.peak, this.queuedBytes);
  }

  drain(limit: number): Promise<void> {
    if (this.queuedBytes <= limit) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Reads all that is queued. */
  read(): void {
    this.queuedBytes = 0;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  close(): void {
    this.isClosed = true;
    this.read();
  }

  get seqs(): number[] {
    return this.got.map(({ event }) => event.seq);
  }
}

class Box implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-subscriptions-" });
  readonly journal: Journal;
  readonly peer = new FakePeer();
  subscription: EventSubscriber | undefined;

  constructor(options: JournalOptions = { segment_bytes: 64 * 1024, segments: 100 }) {
    this.journal = Journal.open(this.dir, options);
  }

  append(count: number, type: EventType = "start", id = "a"): void {
    for (let n = 0; n < count; n++) {
      this.journal.append({
        timestamp: "2026-01-01T00:00:00.000Z",
        type,
        id,
        instance: "i",
        pid: 7,
      });
      this.subscription?.wake();
    }
  }

  subscribe(filter: { after?: number; ids?: string[]; types?: EventType[] } = {}) {
    this.subscription = new EventSubscriber("s", this.peer, this.journal, filter);
    return this.subscription.answer;
  }

  [Symbol.dispose](): void {
    this.subscription?.[Symbol.dispose]();
    this.journal[Symbol.dispose]();
    Deno.removeSync(this.dir, { recursive: true });
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

Deno.test("EventSubscriber: a subscriber gets what is to come, after the answer", async () => {
  using box = new Box();
  box.append(5);
  assert.deepEqual(box.subscribe(), { subscription: "s", oldest: 1, latest: 5, gap: false });
  box.append(2);
  assert.deepEqual(box.peer.seqs, []);
  await until("two events are sent", () => box.peer.got.length >= 2);
  box.append(1);
  assert.deepEqual(box.peer.seqs, [6, 7, 8], "once it runs, an event is sent in the same turn");
  assert.equal(box.peer.got[0]?.subscription, "s");
  assert.equal(box.peer.got[0]?.gap, undefined);
});

Deno.test("EventSubscriber: a subscriber resumes after a seq without gap or duplicate", async () => {
  using box = new Box();
  box.append(3000);
  assert.equal(box.subscribe({ after: 100 }).gap, false);
  for (let n = 0; n < 50; n++) {
    box.append(1);
    await turn();
  }
  await until("every event is sent", () => box.subscription?.lag === 0);
  assert.deepEqual(box.peer.seqs, range(101, 3050));
});

Deno.test("EventSubscriber: only the events that were asked for are sent", async () => {
  using box = new Box();
  box.append(300, "start", "other");
  box.append(1, "start", "a");
  box.append(1, "exit", "a");
  box.append(1, "exit", "b");
  box.subscribe({ after: 0, ids: ["a", "c"], types: ["exit"] });
  await until("every event is sent", () => box.subscription?.lag === 0);
  assert.deepEqual(box.peer.seqs, [302]);
});

Deno.test("EventSubscriber: a subscriber that does not read is sent a bounded amount, and later the rest", async () => {
  using box = new Box();
  box.peer.stalled = true;
  box.subscribe({ after: 0 });
  for (let n = 0; n < 20; n++) {
    box.append(1000);
    await turn();
  }
  assert.ok(box.peer.peak < 300_000, String(box.peer.peak));
  assert.ok(box.peer.got.length < 3000);
  await until("every event is sent", () => {
    box.peer.read();
    return box.subscription?.lag === 0;
  });
  assert.deepEqual(box.peer.seqs, range(1, 20_000));
  assert.ok(box.peer.peak < 300_000, String(box.peer.peak));
});

Deno.test("EventSubscriber: what has rotated away is told as a gap, and the oldest there is comes first", async () => {
  using box = new Box({ segment_bytes: 4096, segments: 2 });
  box.append(500);
  const { oldest } = box.journal;
  assert.ok(oldest > 10);
  assert.deepEqual(box.subscribe({ after: 3 }), {
    subscription: "s",
    oldest,
    latest: 500,
    gap: true,
  });
  await until("every event is sent", () => box.subscription?.lag === 0);
  assert.deepEqual(box.peer.seqs, range(oldest, 500));
  for (const [after, gap] of [[oldest - 2, true], [oldest - 1, false], [500, false]] as const) {
    using subscription = new EventSubscriber("t", new FakePeer(), box.journal, { after });
    assert.equal(subscription.answer.gap, gap, String(after));
  }
});

Deno.test("EventSubscriber: a subscriber that falls behind what is kept is told of the gap", async () => {
  using box = new Box({ segment_bytes: 4096, segments: 2 });
  box.append(1);
  box.subscribe({ after: 0 });
  await until("the event is sent", () => box.peer.got.length === 1);
  box.peer.stalled = true;
  box.peer.queuedBytes = 1_000_000;
  box.append(3000);
  const { oldest } = box.journal;
  box.peer.stalled = false;
  box.peer.read();
  await until("every event is sent", () => box.subscription?.lag === 0);
  assert.deepEqual(box.peer.seqs, [1, ...range(oldest, 3001)]);
  assert.deepEqual(box.peer.got.filter(({ gap }) => gap).map(({ event }) => event.seq), [oldest]);
});

Deno.test("EventSubscriber: a seq from before the state was wiped is a gap", async () => {
  using box = new Box();
  box.append(2);
  assert.equal(box.subscribe({ after: 99 }).gap, true);
  await until("every event is sent", () => box.subscription?.lag === 0);
  assert.deepEqual(box.peer.seqs, [1, 2]);
});

Deno.test("EventSubscriber: nothing is sent once a subscription has ended, whatever it waited for", async () => {
  using box = new Box();
  box.subscribe({ after: 0 });
  box.append(1);
  await until("the event is sent", () => box.peer.got.length === 1);
  box.peer.stalled = true;
  box.peer.queuedBytes = 1_000_000;
  box.append(1);
  using fresh = new EventSubscriber("t", box.peer, box.journal, { after: 0 });
  for (const subscription of [box.subscription, fresh]) subscription?.[Symbol.dispose]();
  box.peer.read();
  box.append(1);
  await turn();
  assert.deepEqual(box.peer.seqs, [1]);
});

Deno.test("EventSubscriber: a subscriber is cut off rather than left without an event when the journal fails", async () => {
  using box = new Box({ segment_bytes: 4096, segments: 1000 });
  box.append(5000);
  box.subscribe({ after: 0 });
  for (const { name } of Deno.readDirSync(box.dir)) Deno.removeSync(`${box.dir}/${name}`);
  await until("the peer is cut off", () => box.peer.isClosed);
  assert.deepEqual(box.peer.seqs, []);
});
