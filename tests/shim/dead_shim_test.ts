// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupHierarchies } from "../../src/linux/cgroup/cgroup.ts";
import { NotFoundError } from "../../src/rpc/errors.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector, historyOf } from "../harness/events.ts";
import { FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { isGone, readProcess } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { mountsOf } from "../harness/leaks/traces.ts";

/** Fails unless every one of these processes is gone or about to be reaped. */
async function assertDead(pids: readonly { pid: number; startTime: number }[]): Promise<void> {
  for (const { pid, startTime } of pids) {
    await until(`the end of process ${pid}`, () => {
      const now = readProcess(pid);
      return now === undefined || now.startTime !== startTime || now.state === "Z";
    });
  }
}

function describe(events: readonly Event[]): string[] {
  return events.map(({ type, execId, exitStatus, synthetic }) =>
    [type, execId, exitStatus, synthetic ? "synthetic" : undefined]
      .filter((part) => part !== undefined).join(" ")
  );
}

Deno.test("dead shim: a killed shim takes its container along: processes, mounts, bundle; each exit is told once", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    // In the host's pid namespace nothing dies just because init does.
    const spec = daemon.spec(
      ["sh", "-c", "setsid sleep 1000 & setsid sh -c 'sleep 1001; :' & cat"],
      {
        linux: { namespaces: ["ipc", "uts", "mount"].map((type) => ({ type })) },
      },
    );
    const stdin = makeFifo(daemon.dir);
    const rootfs = [{ type: "bind", source: rootfsDir(), options: ["bind", "ro"] }];
    const { pid, bundle } = await client.call("container.create", {
      id: "dead",
      spec,
      rootfs,
      stdin,
    });
    await client.call("container.start", { id: "dead" });
    const exec = await client.call("container.exec", {
      id: "dead",
      execId: "worker",
      process: { args: ["sleep", "1002"] },
    });
    const inside = await until("all processes of the container", async () => {
      const { processes } = await client.call("container.pids", { id: "dead" });
      const found = processes.flatMap((each) => readProcess(each.pid) ?? []);
      const sleeping = found.filter(({ command }) => command.startsWith("sleep 100"));
      return sleeping.length === 3 && found;
    });
    assert.ok(mountsOf(bundle).length > 0);
    const waiting = daemon.exitOf("dead");

    await daemon.killShim("dead");

    const deleted = await events.wait({ type: "delete", id: "dead" });
    assert.equal(
      events.types("dead"),
      "create start exec-added:worker exec-started:worker exit:worker exit delete",
    );
    const [worker, init] = events.matching({ type: "exit", id: "dead" });
    assert.deepEqual(
      [worker?.pid, worker?.exitStatus, worker?.synthetic],
      [exec.pid, 137, true],
    );
    assert.deepEqual([init?.pid, init?.exitStatus, init?.synthetic], [pid, 137, true]);
    // berth itself has killed it; init may have ended before, with its stdin.
    assert.equal(worker?.exitStatusUnknown, undefined);
    const { exitStatus, exitedAt } = await waiting;
    assert.deepEqual([exitStatus, exitedAt], [init?.exitStatus, init?.exitedAt]);
    assert.deepEqual([deleted.pid, deleted.exitStatus], [pid, 137]);
    await assertDead(inside);
    assert.deepEqual(mountsOf(bundle), []);
    // The delete is told before the bundle's last files go.
    await daemon.untilEmpty();
    assert.throws(() => Deno.statSync(bundle), Deno.errors.NotFound);
    assert.equal(await daemon.life("dead"), 0);
    await Deno.remove(stdin);
  }
  await audit.assertClean();
});

Deno.test("dead shim: how a container ended that had ended before berth could kill it is unknown", async () => {
  await using daemon = await TestDaemon.start();
  const pid = await daemon.run("gone", ["sleep", "1000"]);
  const shimPid = await daemon.killWithShim("gone");
  await until("the end of the shim", () => isGone(shimPid));
  Deno.kill(pid, "SIGKILL");
  await until("the end of the container", () => isGone(pid));
  await daemon.start();
  const events = await historyOf(daemon, "gone");
  const ends = events.filter(({ type }) => type === "exit" || type === "delete");
  assert.deepEqual(
    ends.map(({ type, exitStatusUnknown }) => [type, exitStatusUnknown]),
    [["exit", true], ["delete", true]],
  );
});

Deno.test("dead shim: a created container whose shim is killed exits and is deleted like any other", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  using events = await EventCollector.subscribe(daemon.socket);
  const { pid } = await client.call("container.create", {
    id: "created",
    spec: daemon.spec(["sleep", "1000"]),
  });
  await daemon.killShim("created");
  await events.wait({ type: "delete", id: "created" });
  assert.equal(events.types("created"), "create exit delete");
  const [exit] = events.matching({ type: "exit", id: "created" });
  assert.deepEqual([exit?.pid, exit?.exitStatus, exit?.synthetic], [pid, 137, true]);
  assert.equal(exit?.exitStatusUnknown, undefined);
});

Deno.test("dead shim: a paused container whose shim is killed is dead too", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  using events = await EventCollector.subscribe(daemon.socket);
  const pid = await daemon.run("paused", ["sleep", "1000"]);
  const init = readProcess(pid);
  assert.ok(init);
  await client.call("container.pause", { id: "paused" });
  await daemon.killShim("paused");
  await events.wait({ type: "delete", id: "paused" });
  assert.equal(events.types("paused"), "create start paused exit delete");
  await assertDead([init]);
});

Deno.test("dead shim: the true status of an exit that only the bundle knows is told, the shim dying while no daemon ran", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const stdin = makeFifo(daemon.dir);
  const spec = daemon.spec(["sh", "-c", "read line; exit 7"]);
  await client.call("container.create", { id: "told", spec, stdin });
  const { pid } = await client.call("container.start", { id: "told" });
  const other = await daemon.run("other", ["sleep", "1000"]);
  const { bundle, shimPid } = await daemon.stateOf("told");
  const otherShim = (await daemon.stateOf("other")).shimPid;
  await daemon.kill9();
  await using writer = new FifoWriter(stdin);
  await writer.write("now\n");
  const recorded = await until("exit.json", () => readJson(`${bundle}/exit.json`));
  for (const shim of [shimPid, otherShim]) Deno.kill(shim, "SIGKILL");
  await daemon.start();

  const told = await historyOf(daemon, "told");
  assert.deepEqual(describe(told), ["create", "start", "exit 7 synthetic", "delete 7"]);
  assert.deepEqual(told.map((event) => event.pid), [pid, pid, pid, pid]);
  assert.equal(told[2]?.exitedAt, recorded["exitedAt"]);
  assert.equal(told[3]?.exitedAt, recorded["exitedAt"]);
  const others = await historyOf(daemon, "other");
  assert.deepEqual(describe(others), ["create", "start", "exit 137 synthetic", "delete 137"]);
  assert.equal(others[2]?.pid, other);
  await daemon.untilEmpty();
});

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("dead shim: cleanup goes on while the runtime fails, across a restart, with the recorded runtime", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const pid = await daemon.run("dead", ["sleep", "1000"], {}, { runtime: wrapper.path });
  const init = readProcess(pid);
  assert.ok(init);
  wrapper.fail("delete", "out of order");
  {
    using events = await EventCollector.subscribe(daemon.socket);
    await daemon.killShim("dead");
    // Who waits for the process need not wait for the runtime.
    const exit = await events.wait({ type: "exit", id: "dead" });
    assert.deepEqual([exit.pid, exit.exitStatus, exit.synthetic], [pid, 137, true]);
    await assertDead([init]);
    await wrapper.called("delete", 3);
  }
  const state = await daemon.stateOf("dead");
  assert.deepEqual([state.status, state.shim, state.exitStatus], ["stopped", "gone", 137]);
  assert.ok(Deno.statSync(state.bundle).isDirectory);

  // The runtime that containers get now is another one, and of no use.
  await daemon.kill9();
  const config = Deno.readTextFileSync(daemon.configFile);
  Deno.writeTextFileSync(daemon.configFile, `${config}\n[runtime]\nruntime = "/does/not/exist"\n`);
  const before = wrapper.calls("delete").length;
  await daemon.start();
  await wrapper.called("delete", before + 2);
  assert.equal((await daemon.stateOf("dead")).status, "stopped");
  wrapper.clear();
  assert.deepEqual(describe(await historyOf(daemon, "dead")), [
    "create",
    "start",
    "exit 137 synthetic",
    "delete 137",
  ]);
  await daemon.untilEmpty();
  await audit.assertClean();
});

Deno.test("dead shim: cleanup outlasts a runtime that hangs, and holds up no other container", async () => {
  // For the calls that do not hang, long.
  await using daemon = await TestDaemon.start({ config: "[runtime]\ntimeout = 10" });
  const wrapper = RuntimeWrapper.create(daemon.dir);
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("dead", ["sleep", "1000"], {}, { runtime: wrapper.path });
  const release = wrapper.hang("delete");
  await daemon.killShim("dead");
  await wrapper.called("delete");
  assert.equal(await daemon.life("other"), 0);
  // The hung call is given up and made again.
  await wrapper.called("delete", 2);
  wrapper.clear();
  await events.wait({ type: "delete", id: "dead" });
  assert.equal(events.types("dead"), "create start exit delete");
  release();
});

Deno.test("dead shim: a delete of a container whose shim has died joins its cleanup", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  using events = await EventCollector.subscribe(daemon.socket);
  const pid = await daemon.run("dead", ["sleep", "1000"], {}, { runtime: wrapper.path });
  const release = wrapper.hang("delete");
  await daemon.killShim("dead");
  await wrapper.called("delete");
  const deleting = [false, true].map((force) =>
    client.call("container.delete", { id: "dead", force })
  );
  // Calls of one connection are taken in their order: the two above are there before this.
  assert.equal((await daemon.stateOf("dead")).shim, "gone");
  release();
  for (const result of await Promise.all(deleting)) {
    assert.deepEqual([result.pid, result.exitStatus], [pid, 137]);
  }
  await events.wait({ type: "delete", id: "dead" });
  await assert.rejects(daemon.stateOf("dead"), NotFoundError);
  assert.equal(events.types("dead"), "create start exit delete");
});

Deno.test("dead shim: a recorded pid that now belongs to another process is never signaled", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("dead", ["sleep", "1000"]);
  const { bundle } = await daemon.stateOf("dead");
  const shim = await killShimWithoutDaemon(daemon, "dead");
  const innocent = new Deno.Command("sleep", { args: ["1000"], stdin: "null" }).spawn();
  let ended = false;
  const status = innocent.status.then((how) => {
    ended = true;
    return how;
  });
  try {
    // As if the pids of shim and init had come round to it.
    const record = { ...shim, pid: innocent.pid };
    Deno.writeTextFileSync(`${bundle}/shim.json`, JSON.stringify(record));
    Deno.writeTextFileSync(`${bundle}/init.pid`, String(innocent.pid));
    await daemon.start();
    assert.deepEqual(describe(await historyOf(daemon, "dead")), [
      "create",
      "start",
      "exit 137 synthetic",
      "delete 137",
    ]);
    assert.equal(ended, false);
    assert.notEqual(readProcess(innocent.pid)?.state, "Z");
  } finally {
    innocent.kill("SIGKILL");
    await status;
  }
});

/** Kills the daemon, then the shim; returns what the bundle says of it. */
async function killShimWithoutDaemon(
  daemon: TestDaemon,
  id: string,
): Promise<Record<string, unknown>> {
  const { bundle, shimPid } = await daemon.stateOf(id);
  await daemon.kill9();
  const record = readJson(`${bundle}/shim.json`);
  assert.equal(record?.["pid"], shimPid);
  Deno.kill(shimPid, "SIGKILL");
  return record;
}

Deno.test("dead shim: the cgroup of a container whose create was killed half-way is removed", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const cgroup = `${daemon.cgroup}/half-made`;
  // As a runtime does that is killed before it has recorded the container, and whose init, of which
  // no program knows, takes its time to end because of that.
  wrapper.rule(
    "create",
    `sleep 2 & for dir in ${cgroupHierarchies().map(({ mountPoint }) => mountPoint).join(" ")}; do
mkdir -p "$dir/${cgroup}" && echo $! >"$dir/${cgroup}/cgroup.procs" || :; done; kill -9 $$`,
  );
  for (let round = 0; round < 2; round++) {
    await assert.rejects(daemon.client.call("container.create", {
      id: "half",
      spec: daemon.spec(["true"], { linux: { cgroupsPath: `/${cgroup}` } }),
      runtime: wrapper.path,
    }));
    await audit.assertClean();
  }
});

Deno.test("dead shim: a create that dies before the runtime has a state leaves nothing, and its id is free", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const params = { id: "c", spec: daemon.spec(["true"]), runtime: wrapper.path };
  for (const left of ["", "exec.fifo"]) {
    // As runc leaves it when it is killed between the two.
    const dir = `${daemon.state}/oci/c`;
    const leave = left === "" ? `mkdir -p '${dir}'` : `mkdir -p '${dir}'; mkfifo '${dir}/${left}'`;
    wrapper.rule("create", `${leave}; kill -9 "$PPID" "$$"`, { once: true });
    await assert.rejects(
      daemon.client.call("container.create", params),
      { name: "UnavailableError", message: /the shim has ended/ },
    );
    await daemon.untilEmpty();
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/oci`)], []);
  }
  await daemon.client.call("container.create", params);
  await daemon.client.call("container.delete", { id: "c" });
});
