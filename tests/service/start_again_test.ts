// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { logLines } from "../harness/logs.ts";
import { createService } from "../harness/service.ts";

/** Writes a line to its log, then ends with 7; runs on if it is told to by a file. */
const SCRIPT = "echo ran; test -e /mnt/stay && sleep 1000; exit 7";

Deno.test("container.start runs a stopped container again, as a new instance, with its log", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  const mnt = await createService(daemon, id, SCRIPT);
  await client.call("container.start", { id });
  assert.equal((await daemon.exitOf(id)).exitStatus, 7);
  const before = await daemon.stateOf(id);

  Deno.writeTextFileSync(`${mnt}/stay`, "");
  const { pid } = await client.call("container.start", { id });
  const after = await daemon.stateOf(id);
  assert.equal(after.status, "running");
  assert.equal(after.pid, pid);
  assert.notEqual(after.instance, before.instance);
  assert.equal(after.createdAt, before.createdAt);
  assert.deepEqual(after.lastExit, { exitStatus: 7, exitedAt: before.exitedAt });
  await until("the second line", () => logLines(daemon, id).length === 2);
  // As in docker, it is left alone.
  assert.deepEqual(await client.call("container.start", { id }), { pid });

  // Limits hold as updated.
  await client.call("container.update", { id, resources: { pids: { limit: 77 } } });
  await client.call("container.restart", { id, timeout: 0 });
  const spec = JSON.parse(Deno.readTextFileSync(`${after.bundle}/config.json`));
  assert.equal(spec.linux.resources.pids.limit, 77);
  const third = await daemon.stateOf(id);
  assert.equal(third.lastExit?.exitStatus, 137);

  const { events } = await client.call("events.read", { ids: [id] });
  assert.deepEqual(events.map(({ type }) => type), [
    ...["create", "start", "exit"],
    ...["create", "start", "exit"],
    ...["create", "start"],
  ]);
  const creates = events.filter(({ type }) => type === "create");
  assert.deepEqual(creates.map(({ replaces }) => replaces), [
    undefined,
    creates[0]?.instance,
    creates[1]?.instance,
  ]);
  await daemon.remove(id);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
  await assert.rejects(daemon.stateOf(id), { kind: "NotFound" });
});

Deno.test("container.start of a container that was killed before its start knows how that ended", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  await client.call("container.create", { id, spec: daemon.spec(["sleep", "1000"]) });
  await client.call("container.kill", { id, signal: "KILL" });
  const exit = await daemon.exitOf(id);
  assert.equal(exit.exitStatus, 137);
  await client.call("container.start", { id });
  const after = await daemon.stateOf(id);
  assert.deepEqual([after.status, after.lastExit], ["running", exit]);
  await daemon.remove(id);
});
