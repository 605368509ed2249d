// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupHierarchies, findCgroup } from "../../src/linux/cgroup/cgroup.ts";
import { isKernelAtLeast } from "../../src/linux/kernel_release.ts";
import { isAlive, startTime } from "../../src/linux/process/process.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";

/** Enough for the OCI runtime's own start, bytes. */
const LIMIT = 32 * 1024 * 1024;
/** Wants ten times the limit, all at once. */
const HOG = ["dd", "if=/dev/zero", "of=/dev/null", "bs=320M", "count=1"];
/** A shell that has a child of it eat memory for each line that it reads. */
const HOG_PER_LINE = ["sh", "-c", `while read line; do ${HOG.join(" ")}; done`];

const limited = { linux: { resources: { memory: { limit: LIMIT } } } };

/** Fails unless an OOM event is as each of them must be. */
function assertOom(event: Event | undefined, kills: number): void {
  const { oom } = event ?? {};
  assert.ok(oom !== undefined, "the event has the details");
  assert.equal(oom.kills, kills);
  assert.equal(oom.limit, LIMIT);
  assert.match(oom.cgroup, /^\/sys\/fs\/cgroup\/.*\/c-[0-9a-f]{8}$/);
  const { usage = 0 } = oom;
  // Before Linux 5.19 cgroup v2 does not keep the most that was in use.
  const least = isKernelAtLeast(Deno.osRelease(), "5.19") ? LIMIT / 2 : -1;
  assert.ok(usage > least && usage <= LIMIT, `usage ${usage}`);
}

/** The kill can come before the runtime has said that it started the process. */
function afterStart(types: string): string {
  return types.replace(/\boom ((?:(?:start|exec-\S+) )+)/, "$1oom ");
}

/** A running container that eats memory for each line written to the answered FIFO. */
async function runHogPerLine(daemon: TestDaemon, id: string, args = HOG_PER_LINE) {
  const stdin = makeFifo(daemon.dir);
  const writer = new FifoWriter(stdin);
  const pid = await daemon.run(id, args, limited, { stdin });
  return { pid, writer };
}

const MODES = { "a shim": "[shim]\nkeep = 1", "no shim": "[runtime]\nno_shim = true" };

for (const [mode, config] of Object.entries(MODES)) {
  Deno.test(`oom: ${mode}: an OOM kill of init is told before its exit, with its cause`, async () => {
    await using daemon = await TestDaemon.start({ config });
    const audit = await LeakAudit.warm(daemon);
    using events = await EventCollector.subscribe(daemon.socket);
    // Several at once, each of which dies as soon as it is started.
    const ids = ["a", "b", "c", "d"];
    await Promise.all(ids.map(async (id) => {
      await daemon.run(id, HOG, limited);
      assert.equal((await daemon.exitOf(id)).exitStatus, 137);
      const state = await daemon.stateOf(id);
      assert.deepEqual([state.status, state.oomKilled], ["stopped", true]);
      await daemon.client.call("container.delete", { id });
      await events.wait({ type: "delete", id });
      assert.equal(afterStart(events.types(id)), "create start oom exit delete");
      assertOom(events.matching({ type: "oom", id })[0], 1);
    }));
    events[Symbol.dispose]();
    await audit.assertClean();
  });
}

Deno.test("OOM kills of a child are told while init lives on, across a restart of the daemon", async () => {
  await using daemon = await TestDaemon.start();
  const before = await EventCollector.subscribe(daemon.socket);
  using _ = before;
  const { writer } = await runHogPerLine(daemon, "one");
  await using _writer = writer;
  await writer.write("now\n");
  assertOom(await before.wait({ type: "oom", id: "one" }), 1);
  const state = await daemon.stateOf("one");
  assert.deepEqual([state.status, state.oomKilled], ["running", true]);

  await daemon.restart();
  await daemon.connected("one");
  assert.equal((await daemon.stateOf("one")).oomKilled, true);
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await writer.write("again\n");
  assertOom(await events.wait({ type: "oom", id: "one" }, 2), 2);
  await writer.write("and again\n");
  assertOom(await events.wait({ type: "oom", id: "one" }, 3), 3);
  const { memory } = await daemon.client.call("container.stats", { id: "one" });
  assert.equal(memory?.oomKills, 3);
  await writer.close();
  await daemon.client.call("container.closeStdin", { id: "one" });
  await events.wait({ type: "exit", id: "one" });
  assert.equal(events.types("one"), "create start oom oom oom exit");
});

Deno.test("oom: an OOM kill in an exec is told before the exec's exit", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", ["sleep", "1000"], limited);
  await daemon.client.call("container.exec", {
    id: "one",
    execId: "hog",
    process: { args: HOG },
  });
  const target = { id: "one", execId: "hog" };
  assert.equal((await daemon.client.call("container.wait", target)).exitStatus, 137);
  await events.wait({ type: "exit", execId: "hog" });
  assert.equal(
    afterStart(events.types("one")),
    "create start exec-added:hog exec-started:hog oom exit:hog",
  );
  assertOom(events.matching({ type: "oom" })[0], 1);
  const state = await daemon.stateOf("one");
  assert.deepEqual([state.status, state.oomKilled], ["running", true]);
});

Deno.test("OOM kills while no daemon runs are told after its start, before the exits they caused", async () => {
  await using daemon = await TestDaemon.start();
  const init = await runHogPerLine(daemon, "init", [
    "sh",
    "-c",
    `read line; exec ${HOG.join(" ")}`,
  ]);
  await using _init = init.writer;
  const child = await runHogPerLine(daemon, "child");
  await using _child = child.writer;
  const exec = await daemon.client.call("container.exec", {
    id: "child",
    execId: "hog",
    process: {
      args: ["sh", "-c", `until [ -e /tmp/go ]; do sleep 0.1; done; exec ${HOG.join(" ")}`],
    },
  });
  const pids = [init.pid, exec.pid];
  const started = pids.map((pid) => startTime(pid) ?? 0);
  await daemon.kill9();

  await init.writer.write("now\n");
  await Deno.writeTextFile(`/proc/${child.pid}/root/tmp/go`, "");
  await until("the deaths", () => pids.every((pid, n) => !isAlive(pid, started[n] ?? 0)));

  await daemon.start();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  assert.equal((await daemon.exitOf("init")).exitStatus, 137);
  const target = { id: "child", execId: "hog" };
  await daemon.untilState("child", ({ processes }) => processes.length > 0);
  assert.equal((await daemon.client.call("container.wait", target)).exitStatus, 137);
  await events.wait({ type: "exit", id: "init" });
  await events.wait({ type: "exit", execId: "hog" });
  assert.equal(events.types("init"), "create start oom exit");
  assert.equal(
    events.types("child"),
    "create start exec-added:hog exec-started:hog oom exit:hog",
  );
  for (const id of ["init", "child"]) {
    assertOom(events.matching({ type: "oom", id })[0], 1);
    assert.equal((await daemon.stateOf(id)).oomKilled, true);
  }

  await daemon.restart();
  await daemon.connected("init");
  using again = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await daemon.client.call("container.delete", { id: "init" });
  await again.wait({ type: "delete", id: "init" });
  assert.equal(again.types("init"), "create start oom exit delete", "told once");
});

Deno.test("oom: a container that is killed by somebody is not said to be out of memory", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", ["sleep", "1000"], limited);
  await daemon.client.call("container.kill", { id: "one", signal: "KILL" });
  await events.wait({ type: "exit", id: "one" });
  assert.equal((await daemon.stateOf("one")).oomKilled, undefined);
  assert.equal(events.types("one"), "create start exit");
});

Deno.test({
  name:
    "oom: v1: kills in a cgroup below are told when somebody asks, and counted after it is removed",
  ignore: !cgroupHierarchies().some(({ names }) => names.includes("memory")),
  async fn() {
    await using daemon = await TestDaemon.start();
    using events = await EventCollector.subscribe(daemon.socket);
    const { pid, writer } = await runHogPerLine(daemon, "one");
    await using _writer = writer;
    const own = findCgroup(pid).paths.memory ?? "";
    const below = `${own}/below`;
    Deno.mkdirSync(below);
    Deno.writeTextFileSync(`${below}/memory.limit_in_bytes`, String(LIMIT / 2), { create: false });
    Deno.writeTextFileSync(`${below}/cgroup.procs`, String(pid), { create: false });
    const kills = async () =>
      (await daemon.client.call("container.stats", { id: "one" })).memory?.oomKills;
    await writer.write("now\n");
    await until("the kill below", async () => await kills() === 1);
    const { oom } = await events.wait({ type: "oom", id: "one" });
    assert.deepEqual([oom?.cgroup, oom?.limit, oom?.kills], [below, LIMIT / 2, 1]);

    Deno.writeTextFileSync(`${own}/cgroup.procs`, String(pid), { create: false });
    await until("its removal", () => removed(below));
    assert.equal(await kills(), 1);
    await writer.write("again\n");
    assertOom(await events.wait({ type: "oom", id: "one" }, 2), 2);
    assert.equal(await kills(), 2);
  },
});

/** Whether the cgroup could be removed: not while the kernel still lets go of a dead process. */
function removed(dir: string): boolean {
  try {
    Deno.removeSync(dir);
    return true;
  } catch {
    return false;
  }
}
