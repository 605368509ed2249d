// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dial, typedClient } from "../../src/rpc/transport/dial.ts";
import { FailedPreconditionError, NotFoundError, RuntimeError } from "../../src/rpc/errors.ts";
import type { ShimContract } from "../../src/rpc/contract/shim.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";
import { hasEnded, isGone } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { mountsOf } from "../harness/leaks/traces.ts";

/** Runs a container whose init ends with status 7; returns how it ended. */
async function exited(daemon: TestDaemon, id: string, params: JsonObject = {}) {
  const pid = await daemon.run(id, ["sh", "-c", "exit 7"], {}, { ...params });
  const exit = await daemon.exitOf(id);
  assert.equal(exit.exitStatus, 7);
  return { pid, ...exit };
}

/** Returns all events of a container, over every start of the daemon, once it is deleted. */
async function told(daemon: TestDaemon, id: string): Promise<string> {
  using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: [id] });
  await events.wait({ type: "delete", id });
  await untilGone(daemon, id);
  return events.types(id);
}

async function untilGone(daemon: TestDaemon, id: string): Promise<void> {
  await until(`${id} to be gone`, async () => {
    return !(await daemon.containerIds()).includes(id);
  });
}

/** Makes the shim of a container delete it behind the daemon's back. */
async function deleteInShim(daemon: TestDaemon, id: string, leave: boolean): Promise<void> {
  const { bundle } = await daemon.stateOf(id);
  using peer = await dial(`${bundle}/shim.sock`, {
    onError: console.error,
    timeoutMs: CALL_TIMEOUT_MS,
  });
  const shim = typedClient<ShimContract>(peer);
  await shim.call("shim.delete", {}, { timeoutMs: CALL_TIMEOUT_MS });
  if (leave) await shim.call("shim.exit", {}, { timeoutMs: CALL_TIMEOUT_MS });
}

Deno.test("delete: a delete that the runtime failed is made again, with the same answer and one event", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const exit = await exited(daemon, "again", { runtime: wrapper.path });
  wrapper.fail("delete", "no luck", { once: true });
  await assert.rejects(client.call("container.delete", { id: "again" }), (error) => {
    assert.ok(error instanceof RuntimeError);
    assert.match(error.message, /again.*no luck/);
    return true;
  });
  const state = await daemon.stateOf("again");
  assert.deepEqual([state.status, state.exitStatus, state.shim], ["stopped", 7, "connected"]);
  assert.deepEqual(await client.call("container.delete", { id: "again" }), exit);
  assert.equal(await told(daemon, "again"), "create start exit delete");
  await assert.rejects(client.call("container.delete", { id: "again" }), NotFoundError);
  await audit.assertClean();
});

Deno.test("delete: a forced delete that failed on the way is made again, with the same answer", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const pid = await daemon.run("forced", ["sleep", "1000"], {}, { runtime: wrapper.path });
  // Its processes are killed without the runtime then.
  wrapper.fail("kill", "no luck with kill", { once: true });
  wrapper.fail("delete", "no luck with delete", { once: true });
  await assert.rejects(
    daemon.remove("forced"),
    { kind: "RuntimeError", message: /no luck with delete/ },
  );
  const { exitStatus, exitedAt } = await daemon.exitOf("forced");
  const deleted = await client.call("container.delete", { id: "forced" });
  assert.deepEqual(deleted, { pid, exitStatus, exitedAt });
  assert.equal(exitStatus, 137);
  assert.equal(await told(daemon, "forced"), "create start exit delete");
});

Deno.test("delete: a forced delete takes along what starts meanwhile", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  await daemon.client.call("container.create", {
    id: "late",
    spec: daemon.spec(["sleep", "1000"]),
    runtime: wrapper.path,
  });
  const release = wrapper.hang("start", { id: "late" });
  const cut = assert.rejects(daemon.client.call("container.start", { id: "late" }));
  await wrapper.called("start");
  await daemon.restart();
  await cut;
  await daemon.connected("late");
  const deleted = daemon.remove("late");
  // Asked and answered behind it, so that the daemon has the delete as well.
  await daemon.client.call("daemon.info", {});
  release();
  assert.equal((await deleted).exitStatus, 137);
  assert.equal(await told(daemon, "late"), "create start exit delete");
});

Deno.test("delete: a forced delete ends a start that hangs, also one that an earlier daemon has asked for", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  wrapper.rule("start", "exec sleep 1000");
  for (const isRestarted of [false, true]) {
    await daemon.client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sleep", "1000"]),
      runtime: wrapper.path,
    });
    const calls = wrapper.calls("start").length;
    const cut = assert.rejects(
      daemon.client.call("container.start", { id: "c" }),
      isRestarted
        ? { kind: "Unavailable" }
        : { message: "container c was removed while it was being started" },
    );
    await wrapper.called("start", calls + 1);
    if (isRestarted) {
      await daemon.restart();
      await daemon.connected("c");
    }
    const begun = performance.now();
    await daemon.remove("c");
    await cut;
    // The runtime's own time is 120 s.
    assert.ok(performance.now() - begun < 60_000);
  }
});

Deno.test("delete: a forced delete ends whatever call of the OCI runtime hangs", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const pids = `${daemon.dir}/hanging`;
  const calls = {
    exec: (id: string) =>
      client.call("container.exec", { id, execId: "e", process: { args: ["true"], cwd: "/" } }),
    pause: (id: string) => client.call("container.pause", { id }),
    update: (id: string) =>
      client.call("container.update", { id, resources: { pids: { limit: 9 } } }),
    checkpoint: (id: string) =>
      client.call("container.checkpoint", { id, path: `${daemon.dir}/${id}`, exit: true }),
    kill: () => Promise.resolve(),
  };
  await Promise.all(
    Object.entries(calls).map(async ([verb, call]) => {
      // Not the verb alone, which stands in each such call.
      const id = `c-${verb}`;
      wrapper.rule(verb, `echo $$ >>'${pids}'; exec sleep 1000`, { id });
      await daemon.run(id, ["sleep", "1000"], {}, { runtime: wrapper.path });
      const cut = call(id).then(() => undefined, (error: unknown) => error);
      if (verb !== "kill") await wrapper.called(verb);
      const begun = performance.now();
      const { exitStatus } = await daemon.remove(id);
      assert.equal(exitStatus, 137);
      // The runtime's own time is 120 s.
      assert.ok(performance.now() - begun < 60_000);
      await cut;
      assert.equal(await told(daemon, id), "create start exit delete");
    }),
  );
  const hanging = Deno.readTextFileSync(pids).trim().split("\n").map(Number);
  assert.equal(hanging.length, 5);
  await until("the end of all calls", () => hanging.every(hasEnded));
  wrapper.clear();
  Deno.removeSync(pids);
  Deno.removeSync(`${daemon.dir}/c-checkpoint`, { recursive: true });
  await audit.assertClean();
});

Deno.test("delete: a definition that cannot be removed is told until it can be, with and without the shim", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  for (const isStopped of [false, true]) {
    await daemon.run("web", ["sleep", "1000"], {}, { restart: { policy: "on-failure" } });
    const { shimPid } = await daemon.stateOf("web");
    const record = `${daemon.root}/containers/web/berth.json`;
    await Deno.remove(record);
    await Deno.mkdir(`${record}/full`, { recursive: true });
    if (isStopped) Deno.kill(shimPid, "SIGSTOP");
    for (const attempt of ["first", "second"]) {
      await assert.rejects(daemon.remove("web"), /containers\/web\/berth\.json/, attempt);
      assert.deepEqual(await daemon.containerIds(), ["web"]);
    }
    await Deno.remove(`${record}/full`);
    await daemon.remove("web");
    assert.deepEqual(await daemon.containerIds(), []);
  }
  assert.doesNotMatch(daemon.log, /illegal transition/);
  await audit.assertClean();
});

Deno.test("delete: a busy rootfs is told and never removed through; the next delete works", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  const source = `${daemon.dir}/source`;
  await Deno.mkdir(`${source}/data`, { recursive: true });
  await Deno.writeTextFile(`${source}/data/file`, "keep me");
  const rootfs = [
    { type: "bind", source: rootfsDir(), options: ["bind"] },
    { type: "bind", source, target: "mnt", options: ["bind"] },
  ];
  const exit = await exited(daemon, "busy", { rootfs });
  const { bundle } = await daemon.stateOf("busy");
  const holder = new Deno.Command("sleep", {
    args: ["1000"],
    cwd: `${bundle}/rootfs/mnt/data`,
    stdin: "null",
  }).spawn();
  try {
    await assert.rejects(client.call("container.delete", { id: "busy" }), (error) => {
      assert.ok(error instanceof FailedPreconditionError);
      assert.match(error.message, /busy/);
      return true;
    });
    // Nor when a daemon that has just started cleans up after a shim that is gone.
    const shimPid = await daemon.killWithShim("busy");
    await until("the end of the shim", () => isGone(shimPid));
    await daemon.start();
    await assert.rejects(daemon.client.call("container.delete", { id: "busy" }), /busy/);
    assert.equal(await Deno.readTextFile(`${source}/data/file`), "keep me");
    assert.ok(mountsOf(bundle).length > 0);
  } finally {
    holder.kill("SIGKILL");
    await holder.status;
  }
  assert.equal(await told(daemon, "busy"), "create start exit delete");
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  const { pid, exitStatus, exitedAt } = await events.wait({ type: "delete", id: "busy" });
  assert.deepEqual({ pid, exitStatus, exitedAt }, exit);
  events[Symbol.dispose]();
  assert.equal(await Deno.readTextFile(`${source}/data/file`), "keep me");
  assert.deepEqual(mountsOf(bundle), []);
  await Deno.remove(source, { recursive: true });
  await audit.assertClean();
});

for (const left of [false, true]) {
  const point = left ? "its shim has left" : "its shim has deleted the container";
  Deno.test(`delete: a daemon killed when ${point} finishes the delete`, async () => {
    await using daemon = await TestDaemon.start();
    const exit = await exited(daemon, "halfway");
    await deleteInShim(daemon, "halfway", left);
    await daemon.restart();
    assert.equal(await told(daemon, "halfway"), "create start exit delete");
    using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
    const { pid, exitStatus, exitedAt } = await events.wait({ type: "delete", id: "halfway" });
    assert.deepEqual({ pid, exitStatus, exitedAt }, exit);
    assert.equal(await daemon.life("halfway"), 0);
  });
}

Deno.test("delete: a shim killed when it has deleted the container does not change the answer", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const exit = await exited(daemon, "halfway", { runtime: wrapper.path });
  wrapper.kill("delete", "parent", { once: true, after: true });
  // It ends with the shim, or joins the cleanup if the daemon is fast.
  const answer = await client.call("container.delete", { id: "halfway" }).catch((error) => {
    assert.equal(error.kind, "Unavailable");
  });
  if (answer !== undefined) assert.deepEqual(answer, exit);
  assert.equal(await told(daemon, "halfway"), "create start exit delete");
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  const { pid, exitStatus, exitedAt } = await events.wait({ type: "delete", id: "halfway" });
  assert.deepEqual({ pid, exitStatus, exitedAt }, exit);
});

Deno.test("delete: a daemon killed before the bundle's last files are gone removes them and tells nothing twice", async () => {
  await using daemon = await TestDaemon.start();
  await exited(daemon, "halfway");
  const { bundle } = await daemon.stateOf("halfway");
  const kept = ["berth.json", "config.json", "init.pid", "exit.json"]
    .map((name) => [name, Deno.readTextFileSync(`${bundle}/${name}`)] as const);
  await daemon.client.call("container.delete", { id: "halfway" });
  await daemon.kill9();
  Deno.mkdirSync(bundle, { mode: 0o700 });
  for (const [name, text] of kept) Deno.writeTextFileSync(`${bundle}/${name}`, text);
  await daemon.start();
  await untilGone(daemon, "halfway");
  assert.throws(() => Deno.statSync(bundle), Deno.errors.NotFound);
  assert.equal(await told(daemon, "halfway"), "create start exit delete");
});

Deno.test("delete: deletes at the same time all get the one answer", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const exit = await exited(daemon, "popular", { runtime: wrapper.path });
  const release = wrapper.hang("delete");
  const deletes = Promise.all(
    Array.from({ length: 8 }, () => daemon.client.call("container.delete", { id: "popular" })),
  );
  // Asked and answered behind them, so that the daemon has them all before the first has ended.
  await daemon.client.call("daemon.info", {});
  release();
  const answers = await deletes;
  for (const answer of answers) assert.deepEqual(answer, exit);
  assert.equal(await told(daemon, "popular"), "create start exit delete");
});

Deno.test("delete: a delete that names an instance leaves another container of its id alone", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await daemon.run("a", ["sleep", "1000"]);
  const { instance: old } = await daemon.stateOf("a");
  await client.call("container.delete", { id: "a", instance: old, force: true });
  await daemon.run("a", ["sleep", "1000"]);
  const { instance, status } = await daemon.stateOf("a");
  assert.notEqual(instance, old);
  assert.equal(status, "running");
  await assert.rejects(
    client.call("container.delete", { id: "a", instance: old, force: true }),
    (error) => error instanceof NotFoundError && error.data.id === "a",
  );
  assert.equal((await daemon.stateOf("a")).status, "running");
});

Deno.test("delete: a signal that is still being sent does not reach the next container of the id", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const start = async () => {
    await daemon.run("again", ["sleep", "1000"], {}, { runtime: wrapper.path });
  };
  await start();
  const release = wrapper.hang("kill", { once: true });
  const late = client.call("container.kill", { id: "again", signal: "KILL", all: true })
    .then(() => "sent", (error: unknown) => error);
  await wrapper.called("kill");
  await client.call("container.kill", { id: "again", signal: "KILL" });
  await daemon.exitOf("again");
  await client.call("container.delete", { id: "again" });
  await start();
  release();
  // One that begins later and has ended: the first would have been sent by now.
  await client.call("container.kill", { id: "again", signal: "CONT", all: true });
  assert.ok(await late instanceof NotFoundError);
  assert.equal((await daemon.stateOf("again")).status, "running");
});

Deno.test("delete: a delete that is asked for while a start makes the next instance is of that one", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const id = "again";
  const spec = daemon.spec(["sleep", "1000"]);
  await client.call("container.create", { id, spec, runtime: wrapper.path });
  const { instance } = await daemon.stateOf(id);
  await client.call("container.kill", { id, signal: "KILL" });
  await daemon.exitOf(id);
  const release = wrapper.hang("create", { once: true });
  const start = client.call("container.start", { id });
  await wrapper.called("create", 2);
  // Each waits for the start that is under way, and then finds another container than it was.
  const deletes = [{ id }, { id, instance, force: true }, { id, force: true }].map((params) =>
    client.call("container.delete", params).then(({ exitStatus }) => exitStatus, ({ kind }) => kind)
  );
  await client.call("daemon.info", {});
  release();
  const { pid } = await start;
  assert.deepEqual(await Promise.all(deletes), ["FailedPrecondition", "NotFound", 137]);
  const { events } = await client.call("events.read", { ids: [id] });
  assert.deepEqual(events.slice(-4).map(({ type, pid }) => [type, pid]), [
    ["create", pid],
    ["start", pid],
    ["exit", pid],
    ["delete", pid],
  ]);
});
