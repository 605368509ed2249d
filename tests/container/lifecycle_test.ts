// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";

Deno.test("lifecycle: a container is created, started, waited for and deleted; nothing is left", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  using events = await EventCollector.subscribe(daemon.socket);

  const created = await client.call("container.create", {
    id: "life",
    spec: daemon.spec(["sh", "-c", "exit 7"]),
  });
  assert.equal((await daemon.stateOf("life")).status, "created");
  const started = await client.call("container.start", { id: "life" });
  assert.equal(started.pid, created.pid);
  const { exitStatus } = await daemon.exitOf("life");
  assert.equal(exitStatus, 7);
  const state = await daemon.stateOf("life");
  assert.equal(state.status, "stopped");
  assert.equal(state.exitStatus, 7);
  const deleted = await client.call("container.delete", { id: "life" });
  assert.equal(deleted.exitStatus, 7);
  assert.equal(deleted.pid, created.pid);
  await events.wait({ type: "delete", id: "life" });
  assert.deepEqual(events.matching({ id: "life" }).map((event) => event.type), [
    "create",
    "start",
    "exit",
    "delete",
  ]);
  await assert.rejects(daemon.stateOf("life"), NotFoundError);
  events[Symbol.dispose]();
  await audit.assertClean();
});
