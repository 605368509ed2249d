// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { anonymousMemory } from "../harness/memory.ts";
import { SIGTERM } from "../../src/linux/process/signals.ts";
import { BerthError, NotFoundError } from "../../src/rpc/errors.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { hasTrap, openFiles, signalIfThere } from "../harness/processes.ts";

/** Seconds until a shim counts as wedged: few, though a busy machine must not seem so. */
const TIMEOUT = 5;

/** Stops the shim of a container for as long as the result is not disposed of. */
async function wedge(daemon: TestDaemon, id: string): Promise<Disposable> {
  const { shimPid } = await daemon.stateOf(id);
  Deno.kill(shimPid, "SIGSTOP");
  return {
    [Symbol.dispose]: () => signalIfThere(shimPid, "SIGCONT"),
  };
}

async function kindOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof BerthError) return error.kind;
    throw error;
  }
  return "none";
}

async function inState(
  daemon: TestDaemon,
  id: string,
  shim: ContainerState["shim"],
): Promise<ContainerState> {
  return await until(`the shim of ${id} to be ${shim}`, async () => {
    const { containers } = await daemon.client.call("container.list", {});
    return containers.find((each) => each.id === id && each.shim === shim);
  });
}

Deno.test("wedged shim: calls on a wedged shim end in DeadlineExceeded, cost the daemon nothing, and slow nobody else", async () => {
  await using daemon = await TestDaemon.start({ config: `[shim]\ntimeout = ${TIMEOUT}` });
  const { client } = daemon;
  await daemon.run("fine", ["sleep", "1000"]);
  const pid = await daemon.run("stuck", [
    "sh",
    "-c",
    "trap 'exit 3' TERM; while :; do sleep 0.1; done",
  ]);
  await until("its trap", () => hasTrap(pid, SIGTERM));
  using events = await EventCollector.subscribe(daemon.socket);
  using wedged = await wedge(daemon, "stuck");

  // It may do what it was asked once it goes on, so nothing here would end or freeze the container.
  const target = { id: "stuck" };
  const calls = [
    () => client.call("container.kill", { ...target, signal: "WINCH" }),
    () => client.call("container.closeStdin", target),
    () => client.call("container.resizePty", { ...target, width: 80, height: 25 }),
    () => client.call("container.exec", { ...target, process: { args: ["true"] } }),
    () => client.call("container.resume", target),
  ];
  const flood = (rounds: number) =>
    Promise.all(Array.from({ length: rounds }, () => calls.map((call) => kindOf(call()))).flat());
  const flooding = flood(40);
  // Meanwhile all goes on for the others, and what the daemon knows it says.
  assert.equal(await daemon.life("meanwhile"), 0);
  const exec = await client.call("container.exec", { id: "fine", process: { args: ["true"] } });
  const exit = await daemon.exitOf("fine", exec.execId);
  assert.equal(exit.exitStatus, 0);
  assert.equal((await daemon.stateOf("stuck")).status, "running");
  assert.deepEqual(new Set(await flooding), new Set(["DeadlineExceeded"]));

  await inState(daemon, "stuck", "unavailable");
  const before = { fds: openFiles(daemon.pid).length, memory: anonymousMemory(daemon.pid) };
  for (let round = 0; round < 5; round++) {
    assert.deepEqual(new Set(await flood(40)), new Set(["DeadlineExceeded"]));
  }
  await until("the daemon's descriptors to be no more than before", () => {
    // One more is the attempt to reach the shim again, which comes and goes.
    return openFiles(daemon.pid).length <= before.fds + 1;
  });
  const grown = anonymousMemory(daemon.pid) - before.memory;
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes for 1000 calls`);

  // It comes to itself again, and nothing was lost meanwhile.
  Deno.kill(pid, "SIGTERM");
  wedged[Symbol.dispose]();
  const { exitStatus } = await daemon.exitOf("stuck");
  assert.equal(exitStatus, 3);
  await inState(daemon, "stuck", "connected");
  assert.equal((await client.call("container.delete", { id: "stuck" })).exitStatus, 3);
  await events.wait({ type: "delete", id: "stuck" });
  const [seen] = events.matching({ type: "exit", id: "stuck" });
  assert.equal(seen?.synthetic, undefined);
});

Deno.test("wedged shim: a wedged shim is killed by a forced delete, which waits for no time-out", async () => {
  // Ten minutes: whatever waited for it would end the test.
  await using daemon = await TestDaemon.start({ config: "[shim]\ntimeout = 600" });
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    const pid = await daemon.run("stuck", ["sleep", "1000"]);
    using _wedged = await wedge(daemon, "stuck");
    const deleted = await daemon.remove("stuck");
    assert.deepEqual([deleted.pid, deleted.exitStatus], [pid, 137]);
    await events.wait({ type: "delete", id: "stuck" });
    assert.equal(events.types("stuck"), "create start exit delete");
    assert.equal(events.matching({ type: "exit", id: "stuck" })[0]?.synthetic, true);
    await assert.rejects(daemon.stateOf("stuck"), NotFoundError);
    assert.equal(await daemon.life("stuck"), 0);
  }
  await audit.assertClean();
});

Deno.test("wedged shim: a daemon that starts beside a wedged shim answers at once and says which it is", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\ntimeout = 600" });
  await daemon.run("fine", ["sleep", "1000"]);
  const pid = await daemon.run("stuck", ["sleep", "1000"]);
  await daemon.kill9();
  const { shimPid } = readShim(`${daemon.state}/linux/stuck`);
  Deno.kill(shimPid, "SIGSTOP");
  await daemon.start();

  const { containers } = await daemon.client.call("container.list", {});
  const stuck = containers.find(({ id }) => id === "stuck");
  assert.deepEqual([stuck?.status, stuck?.pid, stuck?.shim], ["running", pid, "connecting"]);
  await inState(daemon, "fine", "connected");
  assert.equal(
    await kindOf(daemon.client.call("container.pause", { id: "stuck" })),
    "Unavailable",
  );
  // The lock is not held against it while the daemon still hopes for an answer.
  const deleted = await daemon.remove("stuck");
  assert.equal(deleted.exitStatus, 137);
  await daemon.remove("fine");
});

Deno.test("wedged shim: a call that comes while a slow shim is being connected waits for it", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("slow", ["sleep", "1000"]);
  await daemon.kill9();
  const { shimPid } = readShim(`${daemon.state}/linux/slow`);
  Deno.kill(shimPid, "SIGSTOP");
  await daemon.start();
  await inState(daemon, "slow", "connecting");
  const paused = daemon.client.call("container.pause", { id: "slow" });
  // Asked and answered behind it, so that the daemon has the call as well.
  await daemon.client.call("daemon.info", {});
  Deno.kill(shimPid, "SIGCONT");
  await paused;
  await daemon.remove("slow");
});

Deno.test("wedged shim: a shim found wedged at a restart is taken up again when it goes on, or dies", async () => {
  await using daemon = await TestDaemon.start({ config: `[shim]\ntimeout = ${TIMEOUT}` });
  for (const id of ["recovers", "dies"]) await daemon.run(id, ["sh", "-c", "sleep 1000; :"]);
  await daemon.kill9();
  const shims = ["recovers", "dies"].map((id) => readShim(`${daemon.state}/linux/${id}`).shimPid);
  for (const shim of shims) Deno.kill(shim, "SIGSTOP");
  await daemon.start();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  for (const id of ["recovers", "dies"]) await inState(daemon, id, "unavailable");
  assert.equal(
    await kindOf(daemon.client.call("container.pause", { id: "recovers" })),
    "DeadlineExceeded",
  );
  const [recovers = 0, dies = 0] = shims;
  Deno.kill(recovers, "SIGCONT");
  Deno.kill(dies, "SIGKILL");
  await inState(daemon, "recovers", "connected");
  await events.wait({ type: "delete", id: "dies" });
  assert.equal(events.types("dies"), "create start exit delete");
  await daemon.client.call("container.pause", { id: "recovers" });
  await daemon.client.call("container.resume", { id: "recovers" });
  await daemon.remove("recovers");
  await events.wait({ type: "delete", id: "recovers" });
  assert.equal(events.types("recovers"), "create start paused resumed exit delete");
  assert.equal(events.matching({ type: "exit", id: "recovers" })[0]?.synthetic, undefined);
});

function readShim(bundle: string): { shimPid: number } {
  const { pid } = JSON.parse(Deno.readTextFileSync(`${bundle}/shim.json`));
  assert.equal(typeof pid, "number");
  return { shimPid: pid };
}
