// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError } from "../../src/rpc/errors.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { processesOf } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";
import { logLines } from "../harness/logs.ts";
import { createService, isOver } from "../harness/service.ts";
import { deleteAll, isRunning, service, whileItWaits } from "./restart_testing.ts";

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
  for (const [id, dir] of [["waiting", mnt], ["killed-late", killed]] as const) {
    await whileItWaits(daemon, id, async () => {
      // One that fails for a user goes on waiting.
      Deno.renameSync(dir, `${daemon.dir}/away`);
      const started = client.call("container.start", { id });
      await assert.rejects(started, BerthError)
        .finally(() => Deno.renameSync(`${daemon.dir}/away`, dir));
      assert.notEqual((await daemon.stateOf(id)).restartingAt, undefined);
    });
  }
  const exit = await client.call("container.stop", { id: "waiting" });
  assert.equal(exit.exitStatus, 5);
  await whileItWaits(daemon, "killed-late", async () => {
    await client.call("container.kill", { id: "killed-late", signal: "KILL" });
  });
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
  // Between two tries: it may be that one has just begun.
  const waiting = await daemon.untilState("c", ({ shim }) => shim === "none");
  assert.equal(waiting.status, "stopped");
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

Deno.test({
  name: "restart policy: a container that runs again has neither a next restart nor an old error",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using points = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: points.env });
    const { client } = daemon;
    const mnt = await service(daemon, "c", { policy: "always" });
    Deno.renameSync(mnt, `${mnt}-away`);
    Deno.writeTextFileSync(`${mnt}-away/end`, "1");
    await daemon.untilState("c", ({ error }) => error !== undefined);
    Deno.removeSync(`${mnt}-away/end`);
    // Its start is published then, and not recorded yet.
    points.arm("restart.started=delay:2000");
    Deno.renameSync(`${mnt}-away`, mnt);
    const { error, restartingAt } = await daemon.untilState("c", isRunning);
    assert.deepEqual([error, restartingAt], [undefined, undefined]);
    points.disarm();
    await client.call("container.stop", { id: "c", timeout: 5 });
    await deleteAll(daemon, ["c"]);
  },
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
    await whileItWaits(daemon, id, async () => {
      await assert.rejects(call(), { kind: "FailedPrecondition", message });
    });
  }
  await whileItWaits(daemon, id, async () => {
    assert.deepEqual(await cli(daemon, ["top", id]), {
      code: 125,
      stdout: "",
      stderr: `berth: ${message}\n`,
    });
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
