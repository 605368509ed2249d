// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError, NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";

Deno.test("concurrency: 64 clients at once each have a container of their own", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await Promise.all(Array.from({ length: 64 }, async (_, i) => {
    using peer = await daemon.connect();
    const id = `c${i}`;
    const group = `g${i % 4}`;
    await peer.call("container.create", { id, group, spec: daemon.spec(["sh", "-c", "exit 3"]) });
    await peer.call("container.start", { id });
    assert.equal(Object(await peer.call("container.wait", { id })).exitStatus, 3);
    assert.equal(Object(await peer.call("container.delete", { id })).exitStatus, 3);
  }));
  await events.wait({ type: "delete" }, 64);
  const seqs = events.events.map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.map((_, i) => (seqs[0] ?? 0) + i));
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("concurrency: start, kill, pause, state and delete of one container at once never hang", async () => {
  await using daemon = await TestDaemon.start();
  for (let round = 0; round < 5; round++) {
    const id = `r${round}`;
    await daemon.client.call("container.create", { id, spec: daemon.spec(["sleep", "1000"]) });
    const { client } = daemon;
    const results = await Promise.allSettled([
      client.call("container.start", { id }),
      client.call("container.kill", { id, signal: 9 }),
      client.call("container.pause", { id }),
      client.call("container.exec", { id, process: { args: ["true"] } }),
      daemon.stateOf(id),
      daemon.remove(id),
      daemon.remove(id),
    ]);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      const { reason } = result;
      assert.ok(
        reason instanceof FailedPreconditionError || reason instanceof NotFoundError ||
          reason?.kind === "RuntimeError",
        `${reason?.stack}`,
      );
    }
    assert.ok(results.slice(5).some(({ status }) => status === "fulfilled"));
    assert.deepEqual(await daemon.containerIds(), []);
  }
});

Deno.test("concurrency: an id is used again and again: each life has an instance of its own", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  for (let i = 0; i < 10; i++) {
    assert.equal(await daemon.life("same", ["sh", "-c", `exit ${i}`]), i);
  }
  await events.wait({ type: "delete" }, 10);
  const instances = new Set(events.events.map(({ instance }) => instance));
  assert.equal(instances.size, 10);
  assert.deepEqual(
    events.matching({ type: "exit" }).map(({ exitStatus }) => exitStatus),
    Array.from({ length: 10 }, (_, i) => i),
  );
});
