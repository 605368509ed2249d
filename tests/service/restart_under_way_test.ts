// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { createService } from "../harness/service.ts";
import { whileItWaits } from "./restart_testing.ts";

/** Ends with 3, unless it is told to stay by a file. */
const SCRIPT = "test -e /mnt/stay && sleep 1000; exit 3";

/** Sets a time in a file of a daemon that does not run a day ahead. */
function postpone(path: string, member: "at" | "killAt"): void {
  const text = Deno.readTextFileSync(path);
  const later = text.replace(
    new RegExp(`("${member}":\\s*)"([^"]+)"`),
    (_, name, at) => `${name}"${new Date(Date.parse(at) + 86_400_000).toISOString()}"`,
  );
  assert.notEqual(later, text);
  Deno.writeTextFileSync(path, later);
}

Deno.test("restart under way: a clock that was set back delays neither a restart nor a SIGKILL", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const mnt = await createService(daemon, "late", SCRIPT, { restart: { policy: "always" } });
  const tmp = await createService(
    daemon,
    "stubborn",
    'trap "" TERM; touch /mnt/on; while :; do sleep 0.05; done',
  );
  for (const id of ["late", "stubborn"]) await client.call("container.start", { id });
  await until("the script", () => [...Deno.readDirSync(tmp)].length > 0);
  const stopping = client.call("container.stop", { id: "stubborn", timeout: 60 });
  const lost = assert.rejects(stopping);
  // Later each time, so that there is time for what follows.
  await daemon.untilState(
    "late",
    ({ status, restartingAt = "" }) =>
      status === "stopped" && Date.parse(restartingAt) - Date.now() > 3_000,
  );
  // Limits of a container that waits are those of its next start.
  await client.call("container.update", { id: "late", resources: { pids: { limit: 55 } } });
  await daemon.kill9();
  await lost;
  const record = `${daemon.state}/linux/stubborn/stop.json`;
  Deno.writeTextFileSync(
    record,
    Deno.readTextFileSync(record).replace(/"timeout":\s*60/, '"timeout": 1'),
  );
  postpone(record, "killAt");
  postpone(`${daemon.root}/containers/late/service.json`, "at");
  Deno.writeTextFileSync(`${mnt}/stay`, "");
  await daemon.start();
  const { bundle } = await daemon.untilState("late", ({ status }) => status === "running");
  const spec = JSON.parse(Deno.readTextFileSync(`${bundle}/config.json`));
  assert.equal(spec.linux.resources.pids.limit, 55);
  const { exitStatus } = await daemon.exitOf("stubborn");
  assert.equal(exitStatus, 137);
});

Deno.test("container.stop of a container that is being restarted is not overtaken by the start", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  const script = 'trap "" TERM; touch /mnt/on; while :; do sleep 0.05; done';
  const mnt = await createService(daemon, id, script);
  await client.call("container.start", { id });
  await until("the script", () => [...Deno.readDirSync(mnt)].length > 0);
  const restart = client.call("container.restart", { id, timeout: 5 });
  const refused = assert.rejects(restart, { kind: "FailedPrecondition", message: /was stopped/ });
  await daemon.untilState(id, ({ restartingAt }) => restartingAt !== undefined);
  const { exitStatus } = await client.call("container.stop", { id, timeout: 600 });
  assert.equal(exitStatus, 137);
  await refused;
  const { status, restartingAt } = await daemon.stateOf(id);
  assert.deepEqual([status, restartingAt], ["stopped", undefined]);
  // The next one does what it says.
  await client.call("container.restart", { id, timeout: 0 });
  assert.equal((await daemon.stateOf(id)).status, "running");
});

Deno.test("container.stop with what is no signal takes no restart back", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const id = "c";
  const script = 'trap "touch /mnt/asked" TERM; touch /mnt/on; ' +
    "until test -e /mnt/go; do sleep 0.05; done";
  const mnt = await createService(daemon, id, script);
  const { pid } = await client.call("container.start", { id });
  await until("the script", () => existsSync(`${mnt}/on`));
  const restart = client.call("container.restart", { id, timeout: 600 });
  restart.catch(() => {
    // Awaited below, unless the test has failed before.
  });
  await until("its signal", () => existsSync(`${mnt}/asked`));
  const nonsense = { kind: "InvalidParams" };
  await assert.rejects(client.call("container.stop", { id, signal: "NOPE" }), nonsense);
  await assert.rejects(client.call("container.restart", { id, signal: "NOPE" }), nonsense);
  assert.ok(existsSync(`${daemon.state}/linux/${id}/restart.json`));
  Deno.writeTextFileSync(`${mnt}/go`, "");
  const next = await restart;
  assert.notEqual(next.pid, pid);
});

Deno.test({
  name: "container.restart waits for a restart that is under way, then restarts",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const id = "c";
    const mnt = await createService(daemon, id, SCRIPT);
    Deno.writeTextFileSync(`${mnt}/stay`, "");
    await client.call("container.start", { id });
    failpoints.arm("restart.rested=1*delay:5000");
    const restart = () => client.call("container.restart", { id, timeout: 0 });
    const first = restart();
    await daemon.untilState(id, ({ shim }) => shim === "none");
    const [one, two] = await Promise.all([first, restart()]);
    const after = await daemon.stateOf(id);
    assert.deepEqual([after.status, after.pid], ["running", two.pid]);
    assert.notEqual(one.pid, two.pid);
    const { events } = await client.call("events.read", { ids: [id], types: ["start"] });
    assert.equal(events.length, 3);
    // As in docker.
    assert.deepEqual(await client.call("container.start", { id }), { pid: two.pid });
    await client.call("container.pause", { id });
    await assert.rejects(client.call("container.start", { id }), { kind: "FailedPrecondition" });
  },
});

Deno.test({
  name: "container.restart leaves nothing of an autoRemove container that does not run",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const running = async (id: string) => {
      const mnt = await createService(daemon, id, SCRIPT, { autoRemove: true });
      Deno.writeTextFileSync(`${mnt}/stay`, "");
      await daemon.client.call("container.start", { id });
      return mnt;
    };
    const gone = async (what: string) => {
      await daemon.untilEmpty();
      for (const dir of ["containers", "logs"]) {
        assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${dir}`)], [], what);
      }
    };
    const restart = (id: string) => daemon.client.call("container.restart", { id, timeout: 0 });

    const failing = await running("failing");
    Deno.removeSync(failing, { recursive: true });
    await assert.rejects(restart("failing"), /mnt/);
    await gone("one that cannot be started");

    const quick = await running("quick");
    Deno.removeSync(`${quick}/stay`);
    failpoints.arm("restart.started=delay:500");
    await restart("quick");
    await gone("one that ends while it is being started");

    const left = await running("left");
    failpoints.arm("restart.rested=crash");
    await assert.rejects(restart("left"));
    await daemon.exited();
    failpoints.disarm();
    Deno.removeSync(left, { recursive: true });
    await daemon.start();
    await gone("one that the next daemon cannot start");
  },
});

/** The calls that end whatever is under way with a container. */
function endingsOf(daemon: TestDaemon) {
  const { client } = daemon;
  return {
    stop: (id: string) => client.call("container.stop", { id }),
    kill: (id: string) => client.call("container.kill", { id, signal: "KILL" }),
    delete: (id: string) => daemon.remove(id),
  };
}

Deno.test("container.stop, kill and a forced delete end a restart whose runtime hangs in its start", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const end = endingsOf(daemon);
  for (const id of ["stop", "kill", "delete"] as const) {
    const restart = { policy: "always" } as const;
    await createService(daemon, id, "exit 3", { runtime: wrapper.path, restart });
    const calls = wrapper.calls("start").length;
    wrapper.rule("start", "exec sleep 1000", { id });
    // The first start of all is waited for as well.
    const first = client.call("container.start", { id });
    const ended = assert.rejects(first, {
      kind: "FailedPrecondition",
      message: new RegExp(`container ${id} was (stopped|removed) while it was being started`),
    });
    await wrapper.called("start", calls + 1);
    if (id === "kill") {
      wrapper.clear();
      await end.stop(id);
    } else await end[id](id);
    await ended;
    if (id === "delete") {
      await createService(daemon, id, "exit 3", { runtime: wrapper.path, restart });
    }
    wrapper.clear();
    await client.call("container.start", { id });
    await daemon.untilState(id, ({ restartCount = 0 }) => restartCount > 0);
    const before = wrapper.calls("start").length;
    wrapper.rule("start", "exec sleep 1000", { id });
    await wrapper.called("start", before + 1);
    await end[id](id);
    const [now] = (await client.call("container.list", { ids: [id] })).containers;
    if (id === "delete") assert.equal(now, undefined);
    else {
      assert.deepEqual([now?.status, now?.restartingAt], ["stopped", undefined]);
      assert.equal(now?.error, undefined);
    }
    wrapper.clear();
  }
  for (const id of ["stop", "kill"]) await end.delete(id);
});

Deno.test("container.kill of a container that waits to be restarted says so, and what can be done", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await createService(daemon, "c", SCRIPT, { restart: { policy: "always" } });
  await client.call("container.start", { id: "c" });
  await whileItWaits(daemon, "c", async () => {
    await assert.rejects(client.call("container.kill", { id: "c", signal: "HUP" }), {
      kind: "FailedPrecondition",
      message: "container c is being restarted: wait until it runs, or stop it first",
    });
  });
  await client.call("container.stop", { id: "c" });
  const gone = { kind: "NotFound", message: /has exited/ };
  await assert.rejects(client.call("container.kill", { id: "c", signal: "HUP" }), gone);
});

Deno.test("container.stop, kill and a forced delete end a restart whose runtime hangs", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const end = endingsOf(daemon);
  for (const id of ["stop", "kill", "delete"] as const) {
    const restart = { policy: "always" } as const;
    await createService(daemon, id, "exit 3", { runtime: wrapper.path, restart });
    const calls = wrapper.calls("create").length;
    const release = wrapper.hang("create", { id });
    await client.call("container.start", { id });
    await wrapper.called("create", calls + 1);
    await end[id](id);
    const [now] = (await client.call("container.list", { ids: [id] })).containers;
    if (id === "delete") assert.equal(now, undefined);
    else {
      assert.deepEqual([now?.status, now?.exitStatus], ["stopped", 3]);
      assert.deepEqual([now?.restartingAt, now?.error], [undefined, undefined]);
    }
    const { events } = await client.call("events.read", { ids: [id], types: ["restart-failed"] });
    assert.deepEqual(events, []);
    assert.equal(wrapper.calls("create").length, calls + 1);
    wrapper.clear();
    release();
  }
  // What was stopped so can be started; a start by hand is ended in the same way.
  const calls = wrapper.calls("create").length;
  const release = wrapper.hang("create", { id: "stop", once: true });
  const start = assert.rejects(client.call("container.start", { id: "stop" }), {
    kind: "FailedPrecondition",
    message: "container stop was stopped while it was being created",
  });
  await wrapper.called("create", calls + 1);
  await end.stop("stop");
  await start;
  release();
  await client.call("container.start", { id: "stop" });
  for (const id of ["stop", "kill"]) await end.delete(id);
});
