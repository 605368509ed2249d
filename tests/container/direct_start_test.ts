// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_NONBLOCK, O_RDONLY, open, OwnedFd } from "../../src/linux/fd/fd.ts";
import { isFifo } from "../../src/linux/fd/fifo.ts";
import { zombieStatus } from "../../src/linux/process/process.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { readProcess } from "../harness/processes.ts";

const DEBUG = '[log]\nlevel = "debug"\n';

/** Starts a daemon that logs each call of the runtime, and waits until it knows what that is. */
async function daemonThatKnows(config = ""): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ config: `${DEBUG}${config}` });
  await until(
    "the version of the runtime",
    async () => (await daemon.client.call("daemon.info", {})).runtime.version !== "",
  );
  return daemon;
}

/** The runtime's subcommands that were called for a container, as the log tells them. */
function callsFor(daemon: TestDaemon, id: string): string[] {
  return [...daemon.log.matchAll(new RegExp(`(\\w+) "?${id}"?: status`, "g"))]
    .map(([, subcommand = ""]) => subcommand);
}

const execFifo = (daemon: TestDaemon, id: string) => `${daemon.state}/oci/${id}/exec.fifo`;

/**
 * Creates a container and does what its shim does that is killed before what init writes can come:
 * init fails (EPIPE). The shim does not see that: it is stopped.
 */
async function cutShort(daemon: TestDaemon, id: string): Promise<ContainerState> {
  return await until("an init that was too slow to write", async () => {
    const { client } = daemon;
    await client.call("container.create", { id, spec: daemon.spec(["sleep", "1000"]) });
    const state = await daemon.stateOf(id);
    Deno.kill(state.shimPid, "SIGSTOP");
    await until("the end of init, or its program", () => {
      // Without effect until init has come to the FIFO.
      new OwnedFd(open(execFifo(daemon, id), O_RDONLY | O_NONBLOCK))[Symbol.dispose]();
      return zombieStatus(state.pid) === 1 || readProcess(state.pid)?.command.startsWith("sleep");
    });
    if (zombieStatus(state.pid) === 1) return state;
    Deno.kill(state.shimPid, "SIGCONT");
    await daemon.remove(id);
    return undefined;
  });
}

Deno.test("direct start: a container of runc is started without running runc start", async () => {
  await using daemon = await daemonThatKnows();
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    const { client } = daemon;
    await client.call("container.create", {
      id: "fast",
      spec: daemon.spec(["sh", "-c", "exit 3"]),
    });
    assert.equal(isFifo(execFifo(daemon, "fast")), true);
    const { pid } = await client.call("container.start", { id: "fast" });
    assert.equal(isFifo(execFifo(daemon, "fast")), false);
    assert.equal((await daemon.exitOf("fast")).exitStatus, 3);
    assert.equal((await client.call("container.delete", { id: "fast" })).pid, pid);
    await events.wait({ type: "delete", id: "fast" });
    assert.equal(events.types("fast"), "create start exit delete");
    await until("the last call in the log", () => callsFor(daemon, "fast").includes("delete"));
    assert.deepEqual(callsFor(daemon, "fast"), ["create", "delete"]);
  }
  await audit.assertClean();
});

for (
  const [what, config, hooks] of [
    ["direct_start is off", "[runtime]\ndirect_start = false\n", undefined],
    ["the spec has poststart hooks", "", { poststart: [{ path: "/bin/true" }] }],
  ] as const
) {
  Deno.test(`direct start: runc start is run where ${what}`, async () => {
    await using daemon = await daemonThatKnows(config);
    const { client } = daemon;
    const spec = { ...daemon.spec(["true"]), ...(hooks === undefined ? {} : { hooks }) };
    await client.call("container.create", { id: "slow", spec });
    await client.call("container.start", { id: "slow" });
    await daemon.exitOf("slow");
    await client.call("container.delete", { id: "slow" });
    await until("the last call in the log", () => callsFor(daemon, "slow").includes("delete"));
    assert.deepEqual(callsFor(daemon, "slow"), ["create", "start", "delete"]);
  });
}

Deno.test("direct start: a container that dies while it is started was not started, and says so", async () => {
  await using daemon = await daemonThatKnows();
  const { client } = daemon;
  await client.call("container.create", { id: "dying", spec: daemon.spec(["true"]) });
  const { pid } = await daemon.stateOf("dying");
  // It cannot come to the FIFO any more, so that the start waits.
  Deno.kill(pid, "SIGSTOP");
  const started = client.call("container.start", { id: "dying" });
  started.catch(() => {});
  await client.call("container.kill", { id: "dying", signal: "KILL" });
  await assert.rejects(
    started,
    /cannot start container dying: it (has stopped meanwhile|is stopped)/,
  );
  assert.equal((await daemon.exitOf("dying")).exitStatus, 137);
  await client.call("container.delete", { id: "dying" });
});

Deno.test("direct start: a container that runs already since a start that was cut short is started at once", async () => {
  await using daemon = await daemonThatKnows();
  const { client } = daemon;
  await client.call("container.create", { id: "passed", spec: daemon.spec(["sleep", "1000"]) });
  const { pid } = await daemon.stateOf("passed");
  // What a process does that is killed before removing the FIFO.
  Deno.readTextFileSync(execFifo(daemon, "passed"));
  await until("the program", () => readProcess(pid)?.command.startsWith("sleep"));
  await within("the start", client.call("container.start", { id: "passed" }));
  assert.equal((await daemon.stateOf("passed")).status, "running");
  assert.equal(isFifo(execFifo(daemon, "passed")), false);
});

Deno.test("direct start: a start that a killed shim has not brought to its end is found by the next one", async () => {
  await using daemon = await daemonThatKnows('[shim]\non_death = "adopt"\n');
  const { client } = daemon;
  await client.call("container.create", { id: "half", spec: daemon.spec(["sleep", "1000"]) });
  await client.call("container.create", { id: "not", spec: daemon.spec(["sleep", "1000"]) });
  // What a shim does that is killed before it removes the FIFO.
  Deno.readTextFileSync(execFifo(daemon, "half"));
  for (const id of ["half", "not"]) {
    await daemon.nextShim(id, await daemon.killShim(id));
  }
  assert.equal((await daemon.stateOf("half")).status, "running");
  assert.equal(isFifo(execFifo(daemon, "half")), false);
  assert.equal((await daemon.stateOf("not")).status, "created");
  await client.call("container.start", { id: "not" });
  assert.equal((await daemon.stateOf("not")).status, "running");
});

for (
  const [what, config, isToldBy] of [
    ["shim, whose container is killed", "", "the daemon"],
    ["shim, whose container is adopted", '[shim]\non_death = "adopt"\n', "the next shim"],
    ["daemon that serves it", "[runtime]\nno_shim = true\n", "the next daemon"],
  ] as const
) {
  Deno.test(`direct start: an init that fails since its start was cut short by the death of its ${what}, exits once`, async () => {
    await using daemon = await daemonThatKnows(config);
    const audit = await LeakAudit.warm(daemon);
    const { pid, shimPid, instance } = await cutShort(daemon, "cut");
    if (shimPid === daemon.pid) await daemon.restart();
    else Deno.kill(shimPid, "SIGKILL");
    const { client } = daemon;
    if (isToldBy !== "the daemon") {
      const state = await daemon.untilState("cut", (state) => state.status === "stopped");
      assert.equal(state.startedAt, undefined);
      assert.equal(state.exitStatusUnknown, true);
      const exit = await client.call("container.delete", { id: "cut" });
      assert.deepEqual([exit.exitStatus, exit.exitStatusUnknown], [137, true]);
    }
    {
      using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
      await events.wait({ type: "delete", instance });
      const own = events.events.filter((event) => event.instance === instance);
      assert.deepEqual(own.map(({ type }) => type), ["create", "exit", "delete"]);
      assert.deepEqual([own[1]?.pid, own[1]?.exitStatus], [pid, 137]);
      assert.equal(own[1]?.synthetic, isToldBy === "the daemon" ? true : undefined);
    }
    await audit.assertClean();
  });
}
