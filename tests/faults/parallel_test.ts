// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { untilRuns } from "../harness/processes.ts";

const LIVES = 20;

/** As many lives of /bin/true at once, each checked. */
async function livesAtOnce(daemon: TestDaemon, round: number): Promise<void> {
  const ids = Array.from({ length: LIVES }, (_, i) => `r${round}-${i}`);
  const statuses = await Promise.all(ids.map((id) => daemon.life(id, ["/bin/true"])));
  assert.deepEqual(statuses, ids.map(() => 0));
}

/** Each container had its events, once, in order, and between them all there is no gap. */
function assertHistory(events: EventCollector, lives: number): void {
  const byInstance = new Map<string, string[]>();
  events.events.forEach(({ seq, instance, type }, index) => {
    assert.equal(seq, (events.events[0]?.seq ?? 0) + index);
    byInstance.set(instance, [...byInstance.get(instance) ?? [], type]);
  });
  assert.equal(byInstance.size, lives);
  for (const types of byInstance.values()) {
    assert.deepEqual(types, ["create", "start", "exit", "delete"]);
  }
}

Deno.test("parallel: 20 lives of /bin/true at once, twice over, leave nothing", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    for (const round of [1, 2]) {
      await livesAtOnce(daemon, round);
      await events.wait({ type: "delete" }, round * LIVES);
      assertHistory(events, round * LIVES);
      assert.deepEqual(await daemon.containerIds(), []);
    }
  }
  await audit.assertClean();
  // Nothing either that shows only once it has been used again.
  await livesAtOnce(daemon, 3);
  await audit.assertClean();
});

Deno.test("parallel: 20 lives at once through 20 connections, with one shim for all of them", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    await Promise.all(Array.from({ length: LIVES }, async (_, i) => {
      using peer = await daemon.connect();
      const id = `g${i}`;
      const spec = daemon.spec(["sh", "-c", `exit ${i}`]);
      await peer.call("container.create", { id, spec, group: "pod" });
      await peer.call("container.start", { id });
      const exit = Object(await peer.call("container.wait", { id }));
      assert.equal(exit.exitStatus, i);
      const deleted = Object(await peer.call("container.delete", { id }));
      assert.equal(deleted.exitStatus, i);
      assert.equal(deleted.exitedAt, exit.exitedAt);
    }));
    await events.wait({ type: "delete" }, LIVES);
    assertHistory(events, LIVES);
  }
  await audit.assertClean();
});

Deno.test("parallel: two calls on one container at once come in some order and never hang", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const { client } = daemon;
  for (let round = 0; round < 4; round++) {
    const id = "c";
    await client.call("container.create", { id, spec: daemon.spec(["sleep", "1000"]) });
    // A start of what runs is no error.
    const starts = await Promise.all([1, 2, 3].map(() => client.call("container.start", { id })));
    const [pid = 0, ...others] = new Set(starts.map(({ pid }) => pid));
    assert.deepEqual(others, []);
    // Before its program is there it is the runtime's process, which ends by SIGTERM.
    await untilRuns(pid, "sleep 1000");
    await Promise.allSettled([
      client.call("container.pause", { id }),
      client.call("container.resume", { id }),
      client.call("container.exec", { id, process: { args: ["true"] } }),
      client.call("container.pause", { id }),
      client.call("container.kill", { id, signal: "TERM" }),
      client.call("container.resume", { id }),
    ]);
    const results = await Promise.allSettled([
      daemon.exitOf(id),
      client.call("container.kill", { id, signal: "KILL" }),
      daemon.remove(id),
      daemon.remove(id),
      daemon.stateOf(id),
    ]);
    const [wait, , first, second] = results;
    assert.equal(wait?.status === "fulfilled" && wait.value.exitStatus, 137);
    assert.ok(first?.status === "fulfilled" || second?.status === "fulfilled");
    await assert.rejects(daemon.stateOf(id), { kind: "NotFound" });
  }
  await audit.assertClean();
});
