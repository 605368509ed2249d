// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { untilRuns } from "../harness/processes.ts";

const POD = "io.kubernetes.cri.sandbox-id";

async function shimOf(daemon: TestDaemon, id: string): Promise<number> {
  return (await daemon.stateOf(id)).shimPid;
}

async function runInGroup(daemon: TestDaemon, id: string, group: string): Promise<number> {
  await daemon.run(id, ["sleep", "1000"], {}, { group });
  return await shimOf(daemon, id);
}

Deno.test("shim group: containers of a group share a shim, and are deleted in any order", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  // Those that come first come at the same time, and still start only one.
  const [a, b, c] = await Promise.all(
    ["a", "b", "c"].map((id) => runInGroup(daemon, id, "together")),
  );
  assert.ok(a !== undefined && a === b && b === c);
  assert.equal((await daemon.stateOf("a")).group, "together");
  await daemon.run("alone", ["sleep", "1000"]);
  assert.notEqual(await shimOf(daemon, "alone"), a);
  assert.notEqual(await runInGroup(daemon, "other", "another"), a);

  // The one whose socket the group's shim was first asked on goes first.
  for (const id of ["a", "c"]) await daemon.remove(id);
  const exec = await client.call("container.exec", { id: "b", process: { args: ["true"] } });
  const exit = await daemon.exitOf("b", exec.execId);
  assert.equal(exit.exitStatus, 0);
  assert.equal(await runInGroup(daemon, "d", "together"), a);
  for (const id of ["b", "d", "alone", "other"]) {
    await daemon.remove(id);
  }
  await audit.assertClean();
});

Deno.test("shim group: the containers of a pod are a group by the annotation that CRI sets", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const create = async (id: string, pod: string) => {
    const spec = daemon.spec(["sleep", "1000"], { annotations: { [POD]: pod } });
    await client.call("container.create", { id, spec });
    return await shimOf(daemon, id);
  };
  const sandbox = await create("sandbox", "pod-1");
  assert.equal(await create("app", "pod-1"), sandbox);
  assert.notEqual(await create("stranger", "pod-2"), sandbox);
  assert.equal((await daemon.stateOf("app")).group, "pod-1");
});

Deno.test("shim group: a killed shim of a group is handled for each of its containers as for one", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    const ids = ["a", "b", "c"];
    for (const id of ids) await runInGroup(daemon, id, "doomed");
    await daemon.run("apart", ["sleep", "1000"]);
    await client.call("container.kill", { id: "c", signal: "KILL" });
    await daemon.exitOf("c");
    Deno.kill(await shimOf(daemon, "a"), "SIGKILL");
    for (const id of ids) await events.wait({ type: "delete", id });
    for (const id of ids) assert.equal(events.types(id), "create start exit delete");
    const synthetic = ids.map((id) => events.matching({ type: "exit", id })[0]?.synthetic);
    assert.deepEqual(synthetic, [true, true, undefined]);
    assert.equal((await daemon.stateOf("apart")).status, "running");
    await until("the ids to be free", async () => {
      return (await client.call("container.list", {})).containers.length === 1;
    });
    // The group's name is not spoilt by it.
    const again = await runInGroup(daemon, "a", "doomed");
    assert.equal(await runInGroup(daemon, "b", "doomed"), again);
    for (const id of ["a", "b", "apart"]) {
      await daemon.remove(id);
    }
  }
  await audit.assertClean();
});

Deno.test("shim group: a group goes on after a restart of the daemon", async () => {
  await using daemon = await TestDaemon.start();
  const shim = await runInGroup(daemon, "a", "lasting");
  assert.equal(await runInGroup(daemon, "b", "lasting"), shim);
  await daemon.restart();
  await until("both to be connected", async () => {
    const { containers } = await daemon.client.call("container.list", {});
    return containers.length === 2 && containers.every((each) => each.shim === "connected");
  });
  assert.equal(await runInGroup(daemon, "c", "lasting"), shim);
  for (const id of ["b", "a", "c"]) {
    const { exitStatus } = await daemon.remove(id);
    assert.equal(exitStatus, 137);
  }
  await until("the end of the group's shim", () => {
    try {
      Deno.kill(shim, "SIGURG");
      return false;
    } catch (error) {
      assert.ok(error instanceof Deno.errors.NotFound);
      return true;
    }
  });
});

Deno.test("shim group: a create that fails in a group's shim leaves the others alone", async () => {
  // None that waits for a container: it might be started only in part when the audit begins.
  await using daemon = await TestDaemon.start({ config: COLD });
  const { client } = daemon;
  const shim = await runInGroup(daemon, "good", "shared");
  const { pid } = await daemon.stateOf("good");
  // Started is not yet running: the runtime's own process becomes the container's.
  await untilRuns(pid, "sleep 1000");
  const audit = LeakAudit.take(daemon);
  const spec = daemon.spec(["/does/not/exist"]);
  await assert.rejects(client.call("container.create", { id: "bad", spec, group: "shared" }));
  assert.equal((await daemon.stateOf("good")).status, "running");
  assert.equal(await runInGroup(daemon, "bad", "shared"), shim);
  await daemon.remove("bad");
  await audit.assertClean();
});
