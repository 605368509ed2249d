// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { BerthError } from "../../src/rpc/errors.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { processesOf } from "../harness/processes.ts";
import { shutDown } from "../harness/reboot.ts";
import { baseName } from "../harness/run.ts";
import { logLines } from "../harness/logs.ts";
import { createService, isOver } from "../harness/service.ts";

const isRunning = ({ status }: ContainerState) => status === "running";

/**
 * Starts a container of a policy that runs until it is stopped, or told to end by a file, whose status
 * it has then whichever comes first; waits until it listens.
 */
async function service(daemon: TestDaemon, id: string, restart: ContainerState["restart"]) {
  const script = "trap 'exit $(cat /mnt/end 2>/dev/null || echo 0)' TERM; echo ran; " +
    "while ! test -s /mnt/end; do sleep 0.05; done; exit $(cat /mnt/end)";
  const mnt = await createService(daemon, id, script, restart === undefined ? {} : { restart });
  await daemon.client.call("container.start", { id });
  await until(`${id} to listen`, () => logLines(daemon, id).includes("ran"));
  return mnt;
}

/** Ends all that runs and removes what a reboot does not leave. */
async function reboot(daemon: TestDaemon): Promise<void> {
  await shutDown(daemon);
  setBootId(daemon, crypto.randomUUID());
  await daemon.start();
}

/** Changes the boot in which containers with `autoRemove` were created, as far as berth knows. */
function setBootId(daemon: TestDaemon, bootId: string): void {
  const dir = `${daemon.root}/autoremove`;
  if (!existsSync(dir)) return;
  for (const { name } of Deno.readDirSync(dir)) {
    const record = JSON.parse(Deno.readTextFileSync(`${dir}/${name}`));
    Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify({ ...record, bootId }));
  }
}

Deno.test("restart policy: on-failure restarts what fails, so often, later each time", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await createService(daemon, "fails", "echo ran; exit 3", {
    restart: { policy: "on-failure", maxRetries: 3 },
  });
  await createService(daemon, "works", "exit 0", { restart: { policy: "on-failure" } });
  for (const id of ["fails", "works"]) await client.call("container.start", { id });
  const failed = await daemon.untilState("fails", isOver);
  assert.deepEqual([failed.exitStatus, failed.restartCount], [3, 3]);
  assert.deepEqual(failed.restart, { policy: "on-failure", maxRetries: 3 });
  assert.deepEqual(logLines(daemon, "fails"), ["ran", "ran", "ran", "ran"]);
  const { events } = await client.call("events.read", { ids: ["fails"] });
  const types = events.map(({ type }) => type).join(" ");
  assert.equal(
    types,
    "create start exit" + " restarting create start exit".repeat(3),
  );
  const delays = events.filter(({ type }) => type === "restarting").map(({ timestamp, restart }) =>
    Date.parse(restart?.at ?? "") - Date.parse(timestamp)
  );
  // Two clocks that are read one after the other.
  for (const [index, delay] of delays.entries()) {
    assert.ok(Math.abs(delay - 100 * 2 ** index) < 50, `${delays}`);
  }
  const worked = await daemon.untilState("works", isOver);
  assert.deepEqual([worked.exitStatus, worked.restartCount], [0, 0]);

  // A start by hand begins to count anew.
  await client.call("container.start", { id: "fails" });
  await daemon.untilState("fails", (now) => isOver(now) && now.restartCount === 3);
  assert.equal(logLines(daemon, "fails").length, 8);
  await client.call("container.update", { id: "fails", restart: { policy: "no" } });
  assert.equal((await daemon.stateOf("fails")).restart, undefined);
  for (const id of ["fails", "works"]) await client.call("container.delete", { id });
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
});

Deno.test("restart policy: a stop, a kill by hand and a delete end it, and a daemon knows them", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const always = { policy: "always" } as const;
  const unless = { policy: "unless-stopped" } as const;
  await service(daemon, "stopped", unless);
  await service(daemon, "killed", unless);
  await service(daemon, "always", always);
  const mnt = await service(daemon, "waiting", always);
  const killed = await service(daemon, "killed-late", unless);
  await client.call("container.stop", { id: "stopped" });
  await client.call("container.stop", { id: "always" });
  await client.call("container.kill", { id: "killed", signal: "SIGKILL" });
  await daemon.exitOf("killed");
  // One that fails again and again, stopped while it waits.
  for (const dir of [mnt, killed]) Deno.writeTextFileSync(`${dir}/end`, "5");
  for (const id of ["waiting", "killed-late"]) {
    await daemon.untilState(
      id,
      ({ restartCount = 0, restartingAt = "", status }) =>
        restartCount >= 3 && status === "stopped" && Date.parse(restartingAt) - Date.now() > 3_000,
    );
    // One that fails for a user goes on waiting.
    Deno.renameSync(id === "waiting" ? mnt : killed, `${daemon.dir}/away`);
    await assert.rejects(client.call("container.start", { id }), BerthError);
    Deno.renameSync(`${daemon.dir}/away`, id === "waiting" ? mnt : killed);
    assert.notEqual((await daemon.stateOf(id)).restartingAt, undefined);
  }
  const exit = await client.call("container.stop", { id: "waiting" });
  assert.equal(exit.exitStatus, 5);
  await client.call("container.kill", { id: "killed-late", signal: "KILL" });
  const ended = ["stopped", "killed", "killed-late"];
  for (const id of [...ended, "waiting", "always"]) {
    assert.equal(isOver(await daemon.stateOf(id)), true, id);
  }
  Deno.removeSync(`${mnt}/end`);
  // As in docker: always comes back with the daemon.
  await daemon.restart();
  await daemon.untilState("always", isRunning);
  await daemon.untilState("waiting", isRunning);
  for (const id of ended) assert.equal(isOver(await daemon.stateOf(id)), true, id);
  await deleteAll(daemon, [...ended, "waiting", "always"]);
});

Deno.test("restart policy: a container that was killed before its start is not started", async () => {
  await using daemon = await TestDaemon.start();
  await createService(daemon, "c", "sleep 1000", { restart: { policy: "always" } });
  await daemon.client.call("container.kill", { id: "c", signal: "KILL" });
  assert.equal((await daemon.exitOf("c")).exitStatus, 137);
  assert.equal(isOver(await daemon.stateOf("c")), true);
  await daemon.restart();
  assert.equal(isOver(await daemon.stateOf("c")), true);
  const { events } = await daemon.client.call("events.read", { ids: ["c"] });
  assert.deepEqual(events.map(({ type }) => type), ["create", "exit"]);
  await daemon.client.call("container.start", { id: "c" });
  await daemon.untilState("c", isRunning);
  await deleteAll(daemon, ["c"]);
});

async function deleteAll(daemon: TestDaemon, ids: readonly string[]): Promise<void> {
  for (const id of ids) await daemon.remove(id);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  assert.deepEqual(await daemon.containerIds(), []);
}

Deno.test("restart policy: what ends while no daemon runs is restarted by the next one", async () => {
  await using daemon = await TestDaemon.start();
  const fails = await service(daemon, "fails", { policy: "on-failure" });
  const works = await service(daemon, "works", { policy: "on-failure" });
  const before = await daemon.stateOf("fails");
  await daemon.kill9();
  Deno.writeTextFileSync(`${works}/end`, "0");
  Deno.writeTextFileSync(`${fails}/end`, "9");
  const alive = () =>
    processesOf(baseName(daemon.dir)).filter(({ command }) => command.startsWith("sh -c"));
  await until("their end", () => alive().length === 0);
  Deno.removeSync(`${fails}/end`);
  await daemon.start();
  // Until its shim has answered, the one before passes for running.
  const after = await daemon.untilState(
    "fails",
    (now) => isRunning(now) && now.instance !== before.instance,
  );
  assert.equal(after.lastExit?.exitStatus, 9);
  assert.equal(after.restartCount, 1);
  assert.equal((await daemon.untilState("works", isOver)).exitStatus, 0);
  await deleteAll(daemon, ["fails", "works"]);
});

Deno.test("restart policy: after a reboot always and unless-stopped come back, with their data", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await service(daemon, "always", { policy: "always" });
  await service(daemon, "unless", { policy: "unless-stopped" });
  await service(daemon, "stopped", { policy: "unless-stopped" });
  await service(daemon, "failure", { policy: "on-failure" });
  await service(daemon, "none", undefined);
  await createService(daemon, "created", "true", { restart: { policy: "always" } });
  await client.call("container.stop", { id: "stopped" });
  await client.call("container.update", {
    id: "always",
    resources: { pids: { limit: 99 } },
  });
  assert.equal(logLines(daemon, "unless").length, 1);
  await reboot(daemon);
  await daemon.untilState("always", isRunning);
  await daemon.untilState("unless", isRunning);
  await until("their logs", () => logLines(daemon, "unless").length === 2);
  const { bundle } = await daemon.stateOf("always");
  const spec = JSON.parse(Deno.readTextFileSync(`${bundle}/config.json`));
  assert.equal(spec.linux.resources.pids.limit, 99);
  const { containers } = await daemon.client.call("container.list", {});
  assert.deepEqual(containers.map(({ id, status }) => `${id} ${status}`), [
    "always running",
    "failure stopped",
    "stopped stopped",
    "unless running",
  ]);
  const failure = await daemon.stateOf("failure");
  assert.deepEqual([failure.exitStatus, failure.exitStatusUnknown, failure.shim], [
    137,
    true,
    "none",
  ]);
  // What has neither bundle nor shim is as any other that is stopped.
  await assert.rejects(
    daemon.client.call("container.kill", { id: "stopped", signal: "TERM" }),
    { kind: "NotFound" },
  );
  await assert.rejects(
    daemon.client.call("container.pause", { id: "stopped" }),
    { kind: "FailedPrecondition" },
  );
  assert.equal((await daemon.exitOf("stopped")).exitStatus, 0);
  await daemon.client.call("container.start", { id: "stopped" });
  await daemon.untilState("stopped", isRunning);
  // When it was first known stays.
  await daemon.restart();
  const later = await daemon.stateOf("failure");
  assert.deepEqual([later.exitedAt, later.exitStatusUnknown], [failure.exitedAt, true]);
  await deleteAll(daemon, ["always", "failure", "stopped", "unless"]);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)].map(({ name }) => name).sort(), [
    "created",
    "none",
  ]);
});

Deno.test({
  name: "restart policy: after a reboot no more than eight containers are started at a time",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const ids = Array.from({ length: 10 }, (_, index) => `web${index}`);
    for (const id of ids) {
      await createService(daemon, id, "exec sleep 1000", { restart: { policy: "always" } });
      await daemon.client.call("container.start", { id });
    }
    await shutDown(daemon);
    // The first eight are held up, and the others wait for one of them.
    const HELD_MS = 3000;
    failpoints.arm(`restart.begin=8*delay:${HELD_MS}->off`);
    await daemon.start();
    for (const id of ids) await daemon.untilState(id, isRunning);
    const { events } = await daemon.client.call("events.read", {});
    const firstOf = (type: string) =>
      Date.parse(events.find((event) => event.type === type)?.timestamp ?? "");
    const held = firstOf("start") - firstOf("restarting");
    // Two clocks are read.
    assert.ok(held >= HELD_MS - 100, `the first was started after ${held} ms`);
    await deleteAll(daemon, ids);
  },
});

Deno.test("restart policy: a reboot leaves nothing of a container with autoRemove", async () => {
  await using daemon = await TestDaemon.start();
  const dir = `${daemon.root}/overlay/once/own`;
  Deno.mkdirSync(`${dir}/upper`, { recursive: true });
  const more = { autoRemove: true, removeDirs: [dir] };
  await createService(daemon, "once", "echo ran; sleep 1000", more);
  await daemon.client.call("container.start", { id: "once" });
  await daemon.restart();
  assert.equal((await daemon.stateOf("once")).status, "running");
  await reboot(daemon);
  for (const kind of ["overlay", "logs", "autoremove"]) {
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${kind}`)], [], kind);
  }
  assert.match(daemon.log, /once: removed what it has left/);
});

Deno.test("restart policy: a container that cannot be started again is tried later and later", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const mnt = await service(daemon, "c", { policy: "always" });
  Deno.renameSync(mnt, `${mnt}-away`);
  Deno.writeTextFileSync(`${mnt}-away/end`, "1");
  const reason = await until("a failed restart", async () => {
    const { events } = await client.call("events.read", { ids: ["c"], types: ["restart-failed"] });
    return events.length >= 3 && events[0]?.error;
  });
  assert.match(reason, /mnt/);
  const waiting = await daemon.stateOf("c");
  assert.equal(waiting.status, "stopped");
  assert.equal(waiting.shim, "none");
  assert.equal(waiting.error, reason);
  // All that is logged of it: a line each, without a stack.
  const lines = daemon.log.split("\n");
  const tries = lines.filter((line) => line.includes("cannot start it again"));
  assert.ok(tries.length < 10, tries.join("\n"));
  assert.deepEqual(lines.filter((line) => line.startsWith("    ")), []);
  Deno.removeSync(`${mnt}-away/end`);
  Deno.renameSync(`${mnt}-away`, mnt);
  assert.equal((await daemon.untilState("c", isRunning)).error, undefined);
  await deleteAll(daemon, ["c"]);
});

Deno.test("restart policy: a start by hand that fails is told in the state, until one does not", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  const mnt = await createService(daemon, id, "exit 3");
  await client.call("container.start", { id });
  await daemon.exitOf(id);
  Deno.renameSync(mnt, `${mnt}-away`);
  await assert.rejects(client.call("container.start", { id }), /mnt/);
  assert.match((await daemon.stateOf(id)).error ?? "", /mnt/);
  await daemon.restart();
  assert.match((await daemon.stateOf(id)).error ?? "", /mnt/);
  Deno.renameSync(`${mnt}-away`, mnt);
  await daemon.client.call("container.start", { id });
  assert.equal((await daemon.stateOf(id)).error, undefined);
  await daemon.exitOf(id);
  await deleteAll(daemon, [id]);
});

Deno.test("restart policy: a container that waits for its restart says so to who wants it to run", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  await createService(daemon, id, "exit 3", { restart: { policy: "always" } });
  await client.call("container.start", { id });
  const isWaiting = ({ status, restartingAt = "" }: ContainerState) =>
    status === "stopped" && Date.parse(restartingAt) - Date.now() > 3_000;
  await daemon.untilState(id, isWaiting);
  const process = { args: ["true"], cwd: "/" };
  const message = `container ${id} is being restarted: wait until it runs, or stop it first`;
  const calls = {
    pause: () => client.call("container.pause", { id }),
    resume: () => client.call("container.resume", { id }),
    exec: () => client.call("container.exec", { id, process }),
    checkpoint: () => client.call("container.checkpoint", { id, path: `${daemon.dir}/checkpoint` }),
    stats: () => client.call("container.stats", { id }),
  };
  for (const call of Object.values(calls)) {
    await assert.rejects(call(), { kind: "FailedPrecondition", message });
  }
  assert.deepEqual(await cli(daemon, ["top", id]), {
    code: 125,
    stdout: "",
    stderr: `berth: ${message}\n`,
  });
  await client.call("container.stop", { id });
  await assert.rejects(client.call("container.pause", { id }), /is stopped/);
  assert.match((await cli(daemon, ["top", id])).stderr, /is stopped: start it first/);
  await deleteAll(daemon, [id]);
});

Deno.test("restart policy: the number of restarts stays when the policy goes", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  const mnt = await createService(
    daemon,
    id,
    "echo >>/mnt/runs; [ $(wc -l </mnt/runs) -lt 4 ] || sleep 1000; exit 3",
    { restart: { policy: "always" } },
  );
  await client.call("container.start", { id });
  await daemon.untilState(id, (now) => isRunning(now) && now.restartCount === 3);
  await until("its last run", () => linesIn(`${mnt}/runs`) === 4);
  await client.call("container.update", { id, restart: { policy: "no" } });
  assert.equal((await daemon.stateOf(id)).restartCount, 3);
  await daemon.restart();
  assert.equal((await daemon.stateOf(id)).restartCount, 3);
  await daemon.client.call("container.update", { id, restart: { policy: "always" } });
  assert.equal((await daemon.stateOf(id)).restartCount, 3);
  // A start by hand counts anew.
  await daemon.client.call("container.stop", { id, timeout: 0 });
  await daemon.client.call("container.start", { id });
  assert.equal((await daemon.stateOf(id)).restartCount, 0);
  await deleteAll(daemon, [id]);
});

/** Returns the number of lines in a file. */
function linesIn(path: string): number {
  return Deno.readTextFileSync(path).split("\n").length - 1;
}

Deno.test("restart policy: params that do not fit are refused", async () => {
  await using daemon = await TestDaemon.start();
  const create = (more: Parameters<typeof createService>[3]) =>
    createService(daemon, "c", "true", more);
  await assert.rejects(create({ restart: { policy: "always", maxRetries: 3 } }), {
    kind: "InvalidParams",
  });
  await assert.rejects(create({ restart: { policy: "always" }, autoRemove: true }), {
    kind: "InvalidParams",
  });
  for (const dir of ["/etc", `${daemon.root}/overlay/d/x`, `${daemon.root}/overlay/c/../d`]) {
    await assert.rejects(create({ autoRemove: true, removeDirs: [dir] }), {
      kind: "InvalidParams",
    });
  }
  await create({ autoRemove: true });
  await assert.rejects(
    daemon.client.call("container.update", { id: "c", restart: { policy: "always" } }),
    { kind: "FailedPrecondition" },
  );
});
