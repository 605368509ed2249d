// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupHierarchies } from "../../src/linux/cgroup/cgroup.ts";
import { RuntimeError } from "../../src/rpc/errors.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { until } from "../harness/poll.ts";

const MIB = 1024 * 1024;

const hasV1Memory = cgroupHierarchies().some(({ names }) => names.includes("memory"));

async function update(daemon: TestDaemon, id: string, resources: Record<string, unknown>) {
  await daemon.client.call("container.update", { id, resources });
}

async function limits(daemon: TestDaemon, id: string) {
  const { memory, pids } = await daemon.client.call("container.stats", { id });
  return { memory: memory?.limitBytes, pids: pids?.limit };
}

Deno.test("update: a new memory limit shows in stats and kills what goes beyond it", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", ["sleep", "1000"], {
    linux: { resources: { memory: { limit: 256 * MIB }, pids: { limit: 40 } } },
  });
  assert.deepEqual(await limits(daemon, "one"), { memory: 256 * MIB, pids: 40 });
  await update(daemon, "one", { memory: { limit: 32 * MIB } });
  assert.deepEqual(await limits(daemon, "one"), { memory: 32 * MIB, pids: 40 });
  await daemon.client.call("container.exec", {
    id: "one",
    execId: "hog",
    process: { args: ["dd", "if=/dev/zero", "of=/dev/null", "bs=128M", "count=1"] },
  });
  const { oom } = await events.wait({ type: "oom", id: "one" });
  assert.equal(oom?.limit, 32 * MIB);
  await events.wait({ type: "exit", execId: "hog", exitStatus: 137 });
  await update(daemon, "one", { memory: { limit: 256 * MIB } });
  await daemon.client.call("container.exec", {
    id: "one",
    execId: "fits",
    process: { args: ["dd", "if=/dev/zero", "of=/dev/null", "bs=128M", "count=1"] },
  });
  await events.wait({ type: "exit", execId: "fits", exitStatus: 0 });
});

Deno.test("update: a new limit of tasks shows in stats and stops forks", async () => {
  await using daemon = await TestDaemon.start();
  const stdin = makeFifo(daemon.dir);
  await using writer = new FifoWriter(stdin);
  // A shell that cannot fork for a pipeline ends, and not by its last command.
  const args = ["sh", "-c", "read line; true | cat | cat | cat; exit 0"];
  await daemon.run("one", args, {}, { stdin });
  assert.equal((await limits(daemon, "one")).pids, undefined);
  await update(daemon, "one", { pids: { limit: 2 } });
  assert.equal((await limits(daemon, "one")).pids, 2);
  await writer.write("go\n");
  const { exitStatus } = await daemon.exitOf("one");
  assert.notEqual(exitStatus, 0, "it could not fork");
});

Deno.test("update: a new CPU limit throttles", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["sh", "-c", "while :; do :; done"]);
  const throttled = async () => {
    const { cpu } = await daemon.client.call("container.stats", { id: "one" });
    return cpu?.throttledPeriods ?? 0;
  };
  assert.equal(await throttled(), 0);
  await update(daemon, "one", { cpu: { period: 100_000, quota: 10_000 } });
  await until("throttling", async () => await throttled() >= 2);
});

Deno.test("update: a value that the runtime refuses is a RuntimeError in its words, and changes nothing", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["sh", "-c", "dd if=/dev/zero of=/tmp/f bs=1M count=40; sleep 1000"], {
    linux: { resources: { memory: { limit: 128 * MIB } } },
  });
  await until("40 MiB in use", async () => {
    const { memory } = await daemon.client.call("container.stats", { id: "one" });
    return (memory?.usageBytes ?? 0) >= 40 * MIB;
  });
  const refused: readonly (readonly [resources: Record<string, unknown>, message: RegExp])[] = [
    // With v2 the kernel frees or kills instead (cgroup-v2.rst, "memory.max").
    ...hasV1Memory
      ? [[
        { memory: { limit: 4 * MIB } },
        /device or resource busy|unable to set memory limit/i,
      ]] as const
      : [],
    [{ cpu: { cpus: "4000" } }, /cpuset|invalid argument|out of range/],
    [{ memory: { limit: "much" } }, /cannot unmarshal/],
  ];
  for (const [resources, message] of refused) {
    await assert.rejects(update(daemon, "one", resources), (error) => {
      assert.ok(error instanceof RuntimeError);
      assert.match(String(error.data["runtimeMessage"]), message);
      assert.match(error.message, message);
      assert.equal(error.data.id, "one");
      assert.ok(Number(error.data["exitCode"]) > 0);
      assert.match(String(error.data["command"]), / update /);
      return true;
    });
  }
  const { status } = await daemon.stateOf("one");
  assert.equal(status, "running");
  assert.equal((await limits(daemon, "one")).memory, 128 * MIB);
});

Deno.test("update: an update holds across a restart of the daemon, and can be made after it", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["sleep", "1000"]);
  await update(daemon, "one", { memory: { limit: 64 * MIB } });
  await daemon.restart();
  await daemon.connected("one");
  assert.equal((await limits(daemon, "one")).memory, 64 * MIB);
  await update(daemon, "one", { memory: { limit: 48 * MIB }, pids: { limit: 9 } });
  assert.deepEqual(await limits(daemon, "one"), { memory: 48 * MIB, pids: 9 });
});

Deno.test("berth update changes several containers; one that has stopped has it at its next start", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["sleep", "1000"]);
  await daemon.run("two", ["sleep", "1000"]);
  const done = await cli(daemon, ["update", "--memory", "64m", "--pids", "7", "one", "two"]);
  assert.deepEqual(done, { code: 0, stdout: "one\ntwo\n", stderr: "" });
  for (const id of ["one", "two"]) {
    assert.deepEqual(await limits(daemon, id), { memory: 64 * MIB, pids: 7 });
  }
  const { stdout } = await cli(daemon, ["inspect", "one"]);
  const { resources } = JSON.parse(stdout);
  assert.equal(resources.memory.limit, 64 * MIB);
  assert.equal(resources.pids.limit, 7);
  await daemon.client.call("container.kill", { id: "one", signal: "KILL" });
  await daemon.exitOf("one");
  await update(daemon, "one", { pids: { limit: 8 } });
  await assert.rejects(update(daemon, "one", { memory: { limit: 64 * MIB, swap: 32 * MIB } }), {
    kind: "InvalidParams",
  });
  await daemon.client.call("container.start", { id: "one" });
  assert.deepEqual(await limits(daemon, "one"), { memory: 64 * MIB, pids: 8 });
});
