// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../src/linux/fs/exists.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import {
  DeadlineExceededError,
  NotFoundError,
  RuntimeError,
  UnavailableError,
} from "../../src/rpc/errors.ts";
import { BerthError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { hasEnded, processesOf, processName } from "../harness/processes.ts";
import { baseName, runDir, uniqueName } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { filesIn } from "../harness/leaks/traces.ts";

/** A limit for a runtime that hangs, in seconds: what does not hang has to keep to it too. */
const SHORT = 5;

/** A daemon whose runtime does what the test says, warmed up, with its audit. */
async function setUp(limits: { runtime?: number; shim?: number } = {}): Promise<
  { daemon: TestDaemon; wrapper: RuntimeWrapper; audit: LeakAudit }
> {
  const wrapper = RuntimeWrapper.create(runDir());
  const { runtime = 120, shim = 10 } = limits;
  const daemon = await TestDaemon.start({
    config: `${wrapper.config}timeout = ${runtime}
[shim]
timeout = ${shim}
# Others would take their time to leave.
keep = 1`,
  });
  await daemon.life("warm-up");
  await idleShim(daemon);
  return { daemon, wrapper, audit: LeakAudit.take(daemon) };
}

function create(daemon: TestDaemon, id: string, options = {}) {
  return daemon.client.call("container.create", {
    id,
    spec: daemon.spec(["sh", "-c", "exit 7"]),
    ...options,
  });
}

/** The pid of the one shim that waits for a container. */
async function idleShim(daemon: TestDaemon): Promise<number> {
  return await until("one idle shim", () => {
    const shims = processesOf(baseName(daemon.dir)).filter(({ parent, command }) =>
      parent === daemon.pid && command.includes("shim serve")
    );
    return shims.length === 1 && shims[0]?.pid;
  });
}

/** Fails unless the container is there as a create leaves it, and can live its life. */
async function assertUsable(daemon: TestDaemon, id: string): Promise<void> {
  const { client } = daemon;
  const state = await daemon.untilState(id, (state) => state.shim === "connected" && state.pid > 0);
  assert.equal(state.status, "created");
  assert.equal((await client.call("container.start", { id })).pid, state.pid);
  assert.equal((await daemon.exitOf(id)).exitStatus, 7);
  assert.equal((await client.call("container.delete", { id })).exitStatus, 7);
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await events.wait({ type: "delete", id });
  assertHistory(events.events);
  assert.equal(events.types(id), "create start exit delete");
}

/** Fails unless nothing is left of the container and nothing was told of it. */
async function assertNothing(daemon: TestDaemon, id: string): Promise<void> {
  await until(`the id ${id} to be free`, async () => {
    try {
      await daemon.stateOf(id);
      return false;
    } catch (error) {
      if (error instanceof NotFoundError) return true;
      throw error;
    }
  });
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await daemon.life(`after-${id}`);
  await events.wait({ type: "delete", id: `after-${id}` });
  assert.equal(events.types(id), "");
  assertHistory(events.events);
}

/** Kills the daemon when it has made the bundle and waits for a shim to serve it, and that shim. */
async function cutBeforeServed(daemon: TestDaemon, id: string, options = {}): Promise<void> {
  const shim = await idleShim(daemon);
  Deno.kill(shim, "SIGSTOP");
  const cut = assert.rejects(create(daemon, id, options), UnavailableError);
  await until("the bundle", () => filesIn(`${daemon.state}/linux`).includes(`${id}/berth.json`));
  await daemon.kill9();
  Deno.kill(shim, "SIGKILL");
  await cut;
}

Deno.test("rollback: the daemon is killed before a shim serves the bundle: nothing is left", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  await cutBeforeServed(daemon, "early");
  await daemon.start();
  await assertNothing(daemon, "early");
  assert.equal(wrapper.calls("create").filter(({ args }) => args.includes("early")).length, 0);
  await audit.assertClean();
});

Deno.test("rollback: the same with a runtime that is not there any more: nothing is left either", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  const runtime = `${daemon.dir}/runtime`;
  Deno.symlinkSync(wrapper.path, runtime);
  await cutBeforeServed(daemon, "early", { runtime });
  Deno.removeSync(runtime);
  await daemon.start();
  await assertNothing(daemon, "early");
  await audit.assertClean();
});

Deno.test("rollback: the daemon is killed when its shim serves the bundle: nothing is left", async () => {
  const { daemon, audit } = await setUp();
  await using _ = daemon;
  const shim = await idleShim(daemon);
  Deno.kill(shim, "SIGSTOP");
  const cut = assert.rejects(create(daemon, "served"), UnavailableError);
  await until("the bundle", () => filesIn(`${daemon.state}/linux`).includes("served/berth.json"));
  await daemon.kill9();
  await cut;
  // It finds that it was to serve, and then that no client is there any more.
  Deno.kill(shim, "SIGCONT");
  await until("the shim's socket", () => {
    return filesIn(`${daemon.state}/linux`).includes("served/shim.json") ||
      !processesOf(baseName(daemon.dir)).some(({ pid }) => pid === shim);
  });
  await daemon.start();
  await assertNothing(daemon, "served");
  await audit.assertClean();
});

Deno.test("rollback: the daemon is killed while the runtime creates: the container is usable", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  for (const when of ["over before the restart", "over after it"]) {
    for (const after of [false, true]) {
      const id = uniqueName("c");
      const calls = wrapper.calls("create").length;
      const release = wrapper.hang("create", { id, after });
      const cut = assert.rejects(create(daemon, id), UnavailableError);
      await wrapper.called("create", calls + 1);
      await daemon.kill9();
      await cut;
      if (when === "over after it") await daemon.start();
      release();
      wrapper.clear();
      if (when === "over before the restart") await daemon.start();
      await assertUsable(daemon, id);
    }
  }
  await audit.assertClean();
});

Deno.test("rollback: the daemon is killed as soon as create has been answered: the container is usable", async () => {
  const { daemon, audit } = await setUp();
  await using _ = daemon;
  await create(daemon, "answered");
  await daemon.restart();
  await assertUsable(daemon, "answered");
  await audit.assertClean();
});

Deno.test("rollback: a create that hangs on beyond a restart is ended, or deleted by force", async () => {
  const { daemon, wrapper, audit } = await setUp({ runtime: SHORT });
  await using _ = daemon;
  for (const force of [false, true]) {
    const id = `hung-${force}`;
    const calls = wrapper.calls("create").length;
    const release = wrapper.hang("create", { id });
    const cut = assert.rejects(create(daemon, id), UnavailableError);
    await wrapper.called("create", calls + 1);
    await daemon.restart();
    await cut;
    if (force) {
      // Not an exit status: no event told of such a container.
      const deleted = daemon.client.call("container.delete", { id, force });
      await assert.rejects(deleted, NotFoundError);
    }
    await assertNothing(daemon, id);
    wrapper.clear();
    release();
  }
  await audit.assertClean();
});

Deno.test("rollback: the shim is killed before it serves: another one does", async () => {
  const { daemon, audit } = await setUp();
  await using _ = daemon;
  const shim = await idleShim(daemon);
  Deno.kill(shim, "SIGSTOP");
  const created = create(daemon, "served");
  await until("the bundle", () => filesIn(`${daemon.state}/linux`).includes("served/berth.json"));
  Deno.kill(shim, "SIGKILL");
  await created;
  await assertUsable(daemon, "served");
  await audit.assertClean();
});

Deno.test("rollback: the shim is killed while the runtime creates: nothing is left, not even later", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  const steps = {
    "before the runtime does anything, which it then does": (id: string) =>
      wrapper.rule("create", 'kill -9 "$PPID"; sleep 0.3', { id }),
    "as soon as the runtime is done": (id: string) =>
      wrapper.kill("create", "parent", { id, after: true }),
  };
  for (const [step, rule] of Object.entries(steps)) {
    const id = uniqueName("c");
    rule(id);
    await assert.rejects(create(daemon, id), UnavailableError, step);
    wrapper.clear();
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/linux`)], [], step);
    await create(daemon, id);
    await daemon.client.call("container.delete", { id });
    await assertNothing(daemon, `${id}-not`);
  }
  await audit.assertClean();
});

Deno.test("rollback: daemon and shim are killed while the runtime creates: nothing is left", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  for (const after of [false, true]) {
    const id = `both-${after}`;
    const calls = wrapper.calls("create").length;
    const release = wrapper.hang("create", { id, after });
    const cut = assert.rejects(create(daemon, id), UnavailableError);
    await wrapper.called("create", calls + 1);
    const { pid } = JSON.parse(Deno.readTextFileSync(`${daemon.state}/linux/${id}/shim.json`));
    await daemon.kill9();
    await cut;
    Deno.kill(pid, "SIGKILL");
    await daemon.start();
    release();
    wrapper.clear();
    await assertNothing(daemon, id);
  }
  await audit.assertClean();
});

Deno.test("rollback: a hanging runtime is ended though its command line does not show what it does", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  const pidFile = `${daemon.dir}/hidden`;
  wrapper.rule("create", `echo $$ >'${pidFile}'; exec sleep 1000`, { id: "hidden" });
  const spec = daemon.spec(["true"]);
  const cut = assert.rejects(
    daemon.client.call("container.create", { id: "hidden", spec, runtime: wrapper.path }),
    { message: "container hidden was removed while it was being created" },
  );
  const hidden = await until("the runtime to hide what it does", () => {
    const pid = exists(pidFile) ? Number(Deno.readTextFileSync(pidFile)) : 0;
    return pid > 0 && processName(pid) === "sleep" && pid;
  });
  await daemon.remove("hidden");
  await cut;
  assert.ok(hasEnded(hidden));
  Deno.removeSync(pidFile);
  wrapper.clear();
  await audit.assertClean();
});

Deno.test("rollback: a client that goes away in the middle leaves a usable container", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  const release = wrapper.hang("create", { id: "left" });
  const peer = await daemon.connect();
  const cut = assert.rejects(
    peer.call("container.create", { id: "left", spec: daemon.spec(["sh", "-c", "exit 7"]) }),
    UnavailableError,
  );
  await wrapper.called("create", 2);
  peer.close();
  await cut;
  release();
  wrapper.clear();
  await until("the container", async () => {
    return (await daemon.containerIds()).length === 1;
  });
  await assertUsable(daemon, "left");
  await audit.assertClean();
});

Deno.test("rollback: a runtime that fails to create, before or after it has done so, leaves nothing", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  for (
    const { after, undo } of [
      { after: false, undo: true },
      { after: true, undo: true },
      { after: true, undo: false },
    ]
  ) {
    const id = uniqueName("c");
    wrapper.fail("create", "no more containers today", { id, after });
    // What the shim cannot undo, the daemon does.
    if (!undo) wrapper.fail("delete", "not now", { id, once: true });
    const rootfs = [
      { type: "tmpfs", source: "tmpfs" },
      { type: "bind", source: "/tmp", target: "tmp" },
    ];
    await assert.rejects(create(daemon, id, { rootfs }), (error: Error) => {
      assert(error instanceof RuntimeError);
      assert(!("undone" in error.data), "a word between shim and daemon");
      return /no more containers today/.test(error.message);
    });
    wrapper.clear();
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/oci`)], []);
    await assertNothing(daemon, id);
  }
  await audit.assertClean();
});

Deno.test("rollback: a rootfs mount that fails takes those before it along", async () => {
  const { daemon, audit } = await setUp();
  await using _ = daemon;
  const rootfs = [
    { type: "tmpfs", source: "tmpfs" },
    { type: "tmpfs", source: "tmpfs", target: "inner" },
    { type: "nonsense", source: "nonsense", target: "inner/more" },
  ];
  await assert.rejects(create(daemon, "mounted", { rootfs }), /nonsense/);
  await assertNothing(daemon, "mounted");
  await audit.assertClean();
});

Deno.test("rollback: a runtime that hangs in create is ended in time; its shim and the shim's others live on", async () => {
  const { daemon, wrapper, audit } = await setUp({ runtime: SHORT });
  await using _ = daemon;
  const group = { group: "pod" };
  await create(daemon, "neighbour", { ...group, spec: daemon.spec(["sleep", "1000"]) });
  await daemon.client.call("container.start", { id: "neighbour" });
  const before = await daemon.stateOf("neighbour");
  const release = wrapper.hang("create", { id: "slow" });
  await assert.rejects(create(daemon, "slow", group), DeadlineExceededError);
  wrapper.clear();
  release();
  await assertNothing(daemon, "slow");
  assert.deepEqual(await daemon.stateOf("neighbour"), before);
  await daemon.remove("neighbour");
  await audit.assertClean();
});

Deno.test("rollback: a forced delete ends a create whose runtime hangs; its shim's others live on", async () => {
  const { daemon, wrapper, audit } = await setUp();
  await using _ = daemon;
  const { client } = daemon;
  const group = { group: "pod" };
  await create(daemon, "neighbour", { ...group, spec: daemon.spec(["sleep", "1000"]) });
  await client.call("container.start", { id: "neighbour" });
  const before = await daemon.stateOf("neighbour");
  const calls = wrapper.calls("create").length;
  const release = wrapper.hang("create", { id: "hung" });
  const canceled = assert.rejects(create(daemon, "hung", group), {
    kind: "FailedPrecondition",
    message: "container hung was removed while it was being created",
  });
  await wrapper.called("create", calls + 1);
  // It is no container yet, and another instance is another container.
  for (const params of [{ id: "hung" }, { id: "hung", instance: "other", force: true }]) {
    await assert.rejects(client.call("container.delete", params), NotFoundError);
  }
  const { pid, exitStatus } = await daemon.remove("hung");
  assert.deepEqual([pid, exitStatus], [0, 137]);
  await canceled;
  wrapper.clear();
  release();
  await assertNothing(daemon, "hung");
  assert.deepEqual(await daemon.stateOf("neighbour"), before);
  await daemon.remove("neighbour");
  await audit.assertClean();
});

Deno.test("rollback: a runtime that hangs whatever it is asked keeps the id until it answers again", async () => {
  const { daemon, wrapper, audit } = await setUp({ runtime: SHORT, shim: SHORT });
  await using _ = daemon;
  const releases = ["create", "delete", "state"].map((sub) => wrapper.hang(sub, { id: "stuck" }));
  await assert.rejects(create(daemon, "stuck"), DeadlineExceededError);
  assert.equal((await daemon.stateOf("stuck")).shim, "gone");
  await assert.rejects(create(daemon, "stuck"), /exists already/);
  await daemon.life("other");
  wrapper.clear();
  for (const release of releases) release();
  await assertNothing(daemon, "stuck");
  await audit.assertClean();
});

Deno.test("rollback: a full disk fails a create cleanly wherever it strikes, and holds events back", async () => {
  using temp = new TempDir();
  const state = temp.path;
  using disk = new SmallDisk(state, "size=4m");
  await using daemon = await TestDaemon.start({ state, config: "[shim]\nkeep = 1" });
  await daemon.life("warm-up");
  const before = filesIn(state).filter((name) => !/^events\/|\.log$/.test(name));
  using events = await EventCollector.subscribe(daemon.socket);
  let failures = 0;
  let successes = 0;
  for (const pages of [0, 1, 2, 3, 4, 5, 6, 8, 10, 16]) {
    disk.fill(pages * 4096);
    const id = `full-${pages}`;
    try {
      await create(daemon, id);
      successes++;
      await daemon.client.call("container.delete", { id });
    } catch (error) {
      failures++;
      assert.ok(error instanceof BerthError, String(error));
      await assert.rejects(daemon.stateOf(id), NotFoundError);
    } finally {
      disk.empty();
    }
    await until("nothing but what was there before", () => {
      const left = filesIn(state).filter((name) => !/^events\/|\.log$/.test(name));
      return left.every((name) => before.includes(name));
    });
    await daemon.life(`room-${pages}`);
    await events.wait({ type: "delete", id: `room-${pages}` });
  }
  assert.ok(failures > 0 && successes > 0, `${failures} failures, ${successes} successes`);
  assertHistory(events.events);
});
