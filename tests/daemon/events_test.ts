// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { untilRuns } from "../harness/processes.ts";
import { RawClient } from "../harness/io/raw_client.ts";

const LIFE = ["create", "start", "exit", "delete"];

function assertConsecutive(events: readonly Event[]): void {
  events.forEach((event, index) => {
    const first = events[0];
    assert.ok(first);
    assert.equal(event.seq, first.seq + index, "seq grows by one per event");
  });
}

Deno.test("events: each event says who, when and how, in the order in which things happened", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  using events = await EventCollector.subscribe(daemon.socket);
  const before = new Date().toISOString();
  const pid = await daemon.run("c", ["sleep", "1000"]);
  // The runtime's init, which it is at first, would die of SIGTERM.
  await untilRuns(pid, "sleep 1000");
  const exec = await client.call("container.exec", {
    id: "c",
    execId: "e",
    process: { args: ["sh", "-c", "exit 3"] },
  });
  await daemon.exitOf("c", "e");
  await client.call("container.pause", { id: "c" });
  await client.call("container.resume", { id: "c" });
  await client.call("container.kill", { id: "c", signal: "TERM" });
  await client.call("container.kill", { id: "c", signal: "KILL" });
  const { exitedAt } = await daemon.exitOf("c");
  const { instance } = await daemon.stateOf("c");
  await client.call("container.delete", { id: "c" });
  await events.wait({ type: "delete" });

  assert.equal(
    events.types(),
    "create start exec-added:e exec-started:e exit:e paused resumed exit delete",
  );
  assertConsecutive(events.events);
  let last = before;
  for (const event of events.events) {
    assert.equal(event.runtime, "linux");
    assert.equal(event.id, "c");
    assert.equal(event.instance, instance);
    assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z$/);
    assert.ok(event.timestamp >= last, "time does not go back");
    last = event.timestamp;
    assert.equal(event.pid, event.execId === "e" ? exec.pid : pid);
    assert.equal(event.synthetic, undefined);
  }
  const [execExit] = events.matching({ type: "exit", execId: "e" });
  assert.equal(execExit?.exitStatus, 3);
  const [initExit] = events.matching({ type: "exit", execId: undefined });
  assert.equal(initExit?.exitStatus, 137);
  assert.equal(initExit?.exitedAt, exitedAt);
  assert.equal(events.matching({ type: "delete" })[0]?.exitStatus, 137);
});

Deno.test("events: an event that an answer tells of is never behind one that comes later", async () => {
  await using daemon = await TestDaemon.start();
  // On one connection: the subscriber itself acts, and has each event before or right after.
  const seen: string[] = [];
  daemon.peer.onNotification("events.event", (params) => {
    seen.push(Object(params).event.type);
  });
  await daemon.client.call("events.subscribe", {});
  await daemon.life("c");
  await until("the events of a life", () => seen.length >= LIFE.length);
  assert.deepEqual(seen, LIFE);
});

Deno.test("events: any number of subscribers get the same, each what it asked for", async () => {
  await using daemon = await TestDaemon.start();
  const { socket } = daemon;
  const all = await Promise.all(
    Array.from({ length: 40 }, () => EventCollector.subscribe(socket)),
  );
  using onlyB = await EventCollector.subscribe(socket, { ids: ["b"] });
  using exits = await EventCollector.subscribe(socket, { types: ["exit", "delete"] });
  using exitsOfB = await EventCollector.subscribe(socket, { ids: ["b", "x"], types: ["exit"] });
  using nothing = await EventCollector.subscribe(socket, { ids: ["x"] });
  using none = await EventCollector.subscribe(socket, { types: [] });
  try {
    await Promise.all(["a", "b", "c"].map((id) => daemon.life(id)));
    const [first] = all;
    assert.ok(first);
    for (const events of all) {
      await events.wait({ type: "delete" }, 3);
      assertConsecutive(events.events);
      assert.deepEqual(events.events, first.events);
    }
    for (const id of ["a", "b", "c"]) assert.equal(first.types(id), LIFE.join(" "));
    await exits.wait({ type: "delete" }, 3);
    assert.equal(exits.matching({ type: "exit" }).length, 3);
    assert.equal(exits.events.length, 6);
    // Each has a connection of its own, and none waits for another.
    await onlyB.wait({ type: "delete" });
    await exitsOfB.wait({ type: "exit" });
    assert.deepEqual(onlyB.events, first.matching({ id: "b" }));
    assert.deepEqual(exitsOfB.events, first.matching({ id: "b", type: "exit" }));
    assert.deepEqual(nothing.events, []);
    assert.deepEqual(none.events, []);
  } finally {
    for (const events of all) events[Symbol.dispose]();
  }
});

Deno.test("events: a subscriber comes back with `after` and misses nothing, gets nothing twice", async () => {
  await using daemon = await TestDaemon.start();
  const whole: Event[] = [];
  let resumed = 0;
  using watcher = await EventCollector.subscribe(daemon.socket);
  assert.equal(watcher.subscription.latest, 0);
  assert.equal(watcher.subscription.gap, false);
  for (let round = 0; round < 4; round++) {
    {
      using events = await EventCollector.subscribe(daemon.socket, { after: resumed });
      assert.equal(events.subscription.gap, false);
      await daemon.life(`r${round}`);
      await events.wait({ type: "start", id: `r${round}` });
      // It is gone at any point of it.
      whole.push(...events.events);
      resumed = whole.at(-1)?.seq ?? 0;
    }
    if (round === 1) await daemon.stop().then(() => daemon.start());
    if (round === 2) await daemon.restart();
  }
  using rest = await EventCollector.subscribe(daemon.socket, { after: resumed });
  await until("the rest", () => whole.length + rest.events.length >= 4 * LIFE.length);
  whole.push(...rest.events);
  assertConsecutive(whole);
  assert.equal(whole[0]?.seq, 1);
  assert.deepEqual(
    whole.map(({ id, type }) => `${id} ${type}`),
    ["r0", "r1", "r2", "r3"].flatMap((id) => LIFE.map((type) => `${id} ${type}`)),
  );

  using everything = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await everything.wait({ type: "delete", id: "r3" });
  assert.deepEqual(everything.events, whole);
  using nothingNew = await EventCollector.subscribe(daemon.socket, { after: whole.length });
  await daemon.life("last");
  await nothingNew.wait({ type: "delete", id: "last" });
  assert.equal(nothingNew.events[0]?.seq, whole.length + 1);
});

Deno.test("events: a seq of the future or of an event that is gone is told by gap", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("a");
  using future = await EventCollector.subscribe(daemon.socket, { after: 1_000_000 });
  assert.equal(future.subscription.gap, true);
  assert.equal(future.subscription.latest, 4);
  assert.equal(future.subscription.oldest, 1);
});

Deno.test("events: unsubscribe ends one subscription and only that", async () => {
  await using daemon = await TestDaemon.start();
  const { client, peer } = daemon;
  const got = new Map<string, string[]>();
  peer.onNotification("events.event", (params) => {
    const { subscription, event } = Object(params);
    got.set(subscription, [...got.get(subscription) ?? [], `${event.id} ${event.type}`]);
  });
  const first = await client.call("events.subscribe", {});
  const second = await client.call("events.subscribe", {});
  assert.notEqual(first.subscription, second.subscription);
  const seen = (id: string) => got.get(id)?.length ?? 0;
  await daemon.life("a");
  await until("all events", () => seen(first.subscription) + seen(second.subscription) === 8);
  assert.deepEqual(
    await client.call("events.unsubscribe", { subscription: first.subscription }),
    {},
  );
  await daemon.life("b");
  await until("the events of b", () => seen(second.subscription) === 8);
  assert.deepEqual(got.get(first.subscription), LIFE.map((type) => `a ${type}`));
  for (const subscription of [first.subscription, "s999", ""]) {
    await assert.rejects(client.call("events.unsubscribe", { subscription }), NotFoundError);
  }
  // A subscription is its connection's own.
  using other = await daemon.connect();
  await assert.rejects(
    other.call("events.unsubscribe", { subscription: second.subscription }),
    NotFoundError,
  );
});

Deno.test("events: a subscriber that never reads slows nobody, and gets all of it when it does", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  {
    using stalled = await RawClient.connect(daemon.socket);
    using events = await EventCollector.subscribe(daemon.socket);
    const after = { jsonrpc: "2.0", id: 1, method: "events.subscribe", params: { after: 0 } };
    // More than the socket and the daemon's queue hold: each answers with the whole journal.
    const subscriptions = 60;
    for (let i = 0; i < subscriptions; i++) await stalled.send(after);
    const rounds = 30;
    for (let i = 0; i < rounds; i++) assert.equal(await daemon.life(`r${i}`), 0);
    await events.wait({ type: "delete" }, rounds);
    assertConsecutive(events.events);

    const expected = (rounds + 1) * LIFE.length;
    const seqs = new Map<string, number>();
    for (let got = 0; got < subscriptions * expected;) {
      const { method, params } = Object(await stalled.next());
      if (method !== "events.event") continue;
      const { subscription, event } = params;
      assert.equal(event.seq, (seqs.get(subscription) ?? 0) + 1);
      seqs.set(subscription, event.seq);
      got++;
    }
    assert.equal(seqs.size, subscriptions);
  }
  await audit.assertClean();
});

Deno.test("events: what a subscriber that is gone for good had asked for is forgotten", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  for (let i = 0; i < 50; i++) {
    using _events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  }
  await daemon.life("after");
  await audit.assertClean();
});

Deno.test("events carry their container's labels, by which they can be chosen", async () => {
  await using daemon = await TestDaemon.start();
  const labels = { app: "shop", tier: "web" };
  using all = await EventCollector.subscribe(daemon.socket);
  using shop = await EventCollector.subscribe(daemon.socket, { labels: { app: "shop" } });
  await daemon.run("labelled", ["sleep", "1000"], {}, { labels });
  await daemon.life("plain");
  // Their connections end with the daemon.
  await all.wait({ type: "delete", id: "plain" });
  await shop.wait({ type: "start", id: "labelled" });
  await daemon.restart();
  await daemon.remove("labelled");
  const { events } = await daemon.client.call("events.read", {});
  const labelled = events.filter(({ id }) => id === "labelled");
  assert.deepEqual(labelled.map(({ type }) => type), LIFE);
  for (const event of labelled) assert.deepEqual(event.labels, labels);
  const plain = events.filter(({ id }) => id === "plain");
  assert(plain.length === 4 && plain.every((event) => event.labels === undefined));
  const read = await daemon.client.call("events.read", { labels: { tier: "web" } });
  assert.deepEqual(read.events, labelled);
  assert(shop.events.every(({ id }) => id === "labelled") && shop.events.length === 2);
});
