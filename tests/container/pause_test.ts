// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseSignal } from "../../src/linux/process/signals.ts";
import { FailedPreconditionError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { hasTrap } from "../harness/processes.ts";

const BUSY = ["sh", "-c", "while :; do :; done"];

async function status(daemon: TestDaemon, id: string): Promise<string> {
  return (await daemon.stateOf(id)).status;
}

async function cpu(daemon: TestDaemon, id: string): Promise<number> {
  return (await daemon.client.call("container.stats", { id })).cpu?.usageUsec ?? 0;
}

/** Resolves when container `id` has used 50 ms of CPU time from now on. */
async function uses(daemon: TestDaemon, id: string): Promise<void> {
  const before = await cpu(daemon, id);
  await until(`${id} to run`, async () => await cpu(daemon, id) > before + 50_000);
}

/** Does something to a container as a program that does not know berth would. */
async function runc(daemon: TestDaemon, ...args: string[]): Promise<void> {
  await until(`runc ${args.join(" ")}`, async () => {
    const { success, stderr } = await new Deno.Command("runc", {
      args: ["--root", `${daemon.state}/oci`, ...args],
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stderr);
    // runc gives the freezer only a moment, which on a busy machine may be too short.
    assert.ok(success || said.includes("unable to freeze"), said);
    return success;
  });
}

/** Looks at the state until the event is there that a look is what brings about. */
async function told(
  daemon: TestDaemon,
  events: EventCollector,
  type: "paused" | "resumed",
): Promise<void> {
  await until(`${type} to be told`, async () => {
    await status(daemon, "one");
    return events.matching({ type, id: "one" }).length > 0;
  });
}

Deno.test("pause stops init and execs, resume lets them go on", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("clock", BUSY);
  await daemon.run("one", BUSY);
  await daemon.client.call("container.exec", {
    id: "one",
    execId: "two",
    process: { args: BUSY },
  });
  await uses(daemon, "one");
  await daemon.client.call("container.pause", { id: "one" });
  assert.equal(await status(daemon, "one"), "paused");
  // More than once: a process that counts as frozen may have the last step into its sleep to go.
  await until("nothing in it to run", async () => {
    const before = await cpu(daemon, "one");
    await uses(daemon, "clock");
    return await cpu(daemon, "one") === before;
  });

  const refused = (error: unknown) =>
    error instanceof FailedPreconditionError && /paused/.test(error.message);
  await assert.rejects(daemon.client.call("container.pause", { id: "one" }), refused);
  await assert.rejects(
    daemon.client.call("container.exec", { id: "one", process: { args: ["true"] } }),
    refused,
  );
  await assert.rejects(daemon.client.call("container.delete", { id: "one" }), refused);

  await daemon.client.call("container.resume", { id: "one" });
  assert.equal(await status(daemon, "one"), "running");
  await uses(daemon, "one");
  await assert.rejects(
    daemon.client.call("container.resume", { id: "one" }),
    (error) => error instanceof FailedPreconditionError && /running/.test(error.message),
  );
  await events.wait({ type: "resumed", id: "one" });
  assert.equal(
    events.types("one"),
    "create start exec-added:two exec-started:two paused resumed",
  );
});

Deno.test("pause: a paused container dies of SIGKILL, and of any other signal once resumed", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  for (const id of ["killed", "killed-all", "hung-up"]) {
    const script = "trap 'exit 3' HUP; while :; do sleep 0.05; done";
    const pid = await daemon.run(id, ["sh", "-c", script]);
    await until("its trap", () => hasTrap(pid, parseSignal("HUP")));
    await daemon.client.call("container.exec", { id, execId: "x", process: { args: BUSY } });
    await daemon.client.call("container.pause", { id });
  }
  await daemon.client.call("container.kill", { id: "killed", signal: "KILL" });
  await daemon.client.call("container.kill", { id: "killed-all", signal: "KILL", all: true });
  for (const id of ["killed", "killed-all"]) {
    assert.equal((await daemon.exitOf(id)).exitStatus, 137);
    await events.wait({ type: "exit", id, execId: "x" });
    assert.equal(await status(daemon, id), "stopped");
  }
  await daemon.client.call("container.kill", { id: "hung-up", signal: "HUP" });
  assert.equal(await status(daemon, "hung-up"), "paused");
  await daemon.client.call("container.resume", { id: "hung-up" });
  assert.equal((await daemon.exitOf("hung-up")).exitStatus, 3);
});

Deno.test("pause: delete with force removes a paused container and leaves nothing", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\nkeep = 1" });
  const audit = await LeakAudit.warm(daemon);
  await daemon.run("one", BUSY);
  await daemon.client.call("container.exec", { id: "one", execId: "x", process: { args: BUSY } });
  await daemon.client.call("container.pause", { id: "one" });
  const { exitStatus } = await daemon.remove("one");
  assert.equal(exitStatus, 137);
  await audit.assertClean();
});

Deno.test("pause: a paused container whose shim dies is removed all the same", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", BUSY);
  await daemon.client.call("container.pause", { id: "one" });
  await daemon.killShim("one");
  await events.wait({ type: "delete", id: "one" });
  assert.equal(events.types("one"), "create start paused exit delete");
});

Deno.test("pause: a pause behind berth's back shows in the state and is told, and can be resumed", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", BUSY);
  await runc(daemon, "pause", "one");
  assert.equal(await status(daemon, "one"), "paused");
  await told(daemon, events, "paused");
  await runc(daemon, "resume", "one");
  assert.equal(await status(daemon, "one"), "running");
  await told(daemon, events, "resumed");

  await runc(daemon, "pause", "one");
  await daemon.client.call("container.resume", { id: "one" });
  assert.equal(await status(daemon, "one"), "running");
  await uses(daemon, "one");
  await events.wait({ type: "resumed", id: "one" }, 2);
  assert.equal(events.types("one"), "create start paused resumed paused resumed");
});

Deno.test("pause: a pause outlives the daemon, and one made while none runs is found", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", BUSY);
  await daemon.run("two", BUSY);
  await daemon.client.call("container.pause", { id: "one" });
  await daemon.kill9();
  await runc(daemon, "pause", "two");
  await daemon.start();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  for (const id of ["one", "two"]) {
    assert.equal(await status(daemon, id), "paused");
    await daemon.connected(id);
    await daemon.client.call("container.resume", { id });
    assert.equal(await status(daemon, id), "running");
    await uses(daemon, id);
    await events.wait({ type: "resumed", id });
    assert.equal(events.types(id), "create start paused resumed");
  }
});

Deno.test("pause: signals to all processes are no pause, whoever looks meanwhile", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  const pid = await daemon.run("one", ["sh", "-c", "trap : HUP; while :; do sleep 0.05; done"]);
  await until("its trap", () => hasTrap(pid, parseSignal("HUP")));
  // The runtime freezes the container while it signals.
  for (let n = 0; n < 10; n++) {
    let done = false;
    const kill = daemon.client.call("container.kill", { id: "one", signal: "HUP", all: true })
      .finally(() => done = true);
    while (!done) await status(daemon, "one");
    await kill;
  }
  assert.equal(await status(daemon, "one"), "running");
  await daemon.client.call("container.kill", { id: "one", signal: "KILL" });
  await events.wait({ type: "exit", id: "one" });
  assert.equal(events.types("one"), "create start exit");
});
