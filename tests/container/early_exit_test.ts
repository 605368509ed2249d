// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Starts a daemon with this runtime that keeps no shims, which an audit would see. */
function startCold(wrapper: RuntimeWrapper): Promise<TestDaemon> {
  return TestDaemon.start({ config: `${wrapper.config}${COLD}` });
}

/** The types of a container's events, in order. */
function typesOf(events: EventCollector, id: string): string[] {
  return events.matching({ id }).map(({ type, execId }) => execId ? `${type} ${execId}` : type);
}

/** Init's pid as the runtime wrote it. */
function initPid(daemon: TestDaemon, id: string): Promise<number> {
  return until(`the pid of ${id}`, () => {
    try {
      return Number(Deno.readTextFileSync(`${daemon.state}/linux/${id}/init.pid`)) || undefined;
    } catch {
      // Not written yet.
      return undefined;
    }
  });
}

Deno.test("early exit: 50 processes that exit at once each have one exit, after their start", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  const statuses = await Promise.all(
    Array.from({ length: 5 }, async (_, lane) => {
      const seen: number[] = [];
      for (let i = 0; i < 10; i++) {
        const status = lane * 10 + i;
        seen.push(await daemon.life(`e${status}`, ["sh", "-c", `exit ${status}`]));
      }
      return seen;
    }),
  );
  assert.deepEqual(statuses.flat(), Array.from({ length: 50 }, (_, i) => i));
  await events.wait({ type: "delete" }, 50);
  for (let i = 0; i < 50; i++) {
    assert.deepEqual(typesOf(events, `e${i}`), ["create", "start", "exit", "delete"]);
    const [start] = events.matching({ id: `e${i}`, type: "start" });
    const [exit] = events.matching({ id: `e${i}`, type: "exit" });
    assert.equal(exit?.exitStatus, i);
    assert.ok(start && exit?.exitedAt && start.timestamp <= exit.exitedAt);
  }
});

Deno.test("container.start: an exit is published after its start, however long the runtime takes", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await startCold(wrapper);
  using events = await EventCollector.subscribe(daemon.socket);
  // Longer than execs are waited for that outlive their init.
  wrapper.delay("start", 3000, { after: true });
  assert.equal(await daemon.life("slow", ["sh", "-c", "exit 4"]), 4);
  await events.wait({ type: "delete" });
  assert.deepEqual(typesOf(events, "slow"), ["create", "start", "exit", "delete"]);
  const [start] = events.matching({ type: "start" });
  const [exit] = events.matching({ type: "exit" });
  assert.ok(start && exit?.exitedAt && start.timestamp <= exit.exitedAt);
});

Deno.test("container.exec: an exec is started no later than it exits, however long the runtime takes", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await startCold(wrapper);
  const { client } = daemon;
  await daemon.run("c", ["sleep", "1000"]);
  using events = await EventCollector.subscribe(daemon.socket);
  wrapper.delay("exec", 300, { after: true });
  await client.call("container.exec", { id: "c", execId: "e", process: { args: ["true"] } });
  await events.wait({ type: "exit", execId: "e" });
  const [added] = events.matching({ type: "exec-added" });
  const [started] = events.matching({ type: "exec-started" });
  const [exit] = events.matching({ type: "exit" });
  assert.ok(added && started && exit?.exitedAt);
  assert.ok(added.timestamp <= started.timestamp && started.timestamp <= exit.exitedAt);
});

Deno.test("early exit: init killed while the runtime's create has not returned: an error or one exit", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await startCold(wrapper);
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    const release = wrapper.hang("create", { after: true });
    const creating = daemon.client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sleep", "1000"]),
    }).then(() => undefined, (error: unknown) => error);
    Deno.kill(await initPid(daemon, "c"), "SIGKILL");
    release();
    const error = await creating;
    if (error === undefined) {
      const { exitStatus } = await daemon.exitOf("c");
      assert.equal(exitStatus, 137);
      await daemon.client.call("container.delete", { id: "c" });
      await events.wait({ id: "c", type: "delete" });
      assert.deepEqual(typesOf(events, "c"), ["create", "exit", "delete"]);
    } else {
      assert.ok(error instanceof BerthError, String(error));
      assert.deepEqual(typesOf(events, "c"), []);
    }
    wrapper.clear();
    assert.equal(await daemon.life("c"), 0, "the id is free");
  }
  await audit.assertClean();
});

Deno.test("early exit: an exit that overtakes the runtime's start is told after it", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await startCold(wrapper);
  using events = await EventCollector.subscribe(daemon.socket);
  const release = wrapper.hang("start", { after: true });
  await daemon.client.call("container.create", {
    id: "c",
    spec: daemon.spec(["sh", "-c", "exit 9"]),
  });
  const starting = daemon.client.call("container.start", { id: "c" });
  await until("the end of init", () => {
    try {
      return Deno.readTextFileSync(`${daemon.state}/linux/c/exit.json`).includes('"exitStatus":9');
    } catch {
      // Not recorded yet.
      return false;
    }
  });
  await events.wait({ id: "c", type: "create" });
  assert.deepEqual(typesOf(events, "c"), ["create"]);
  release();
  await starting;
  await events.wait({ id: "c", type: "exit" });
  assert.deepEqual(typesOf(events, "c"), ["create", "start", "exit"]);
  assert.equal((await daemon.client.call("container.delete", { id: "c" })).exitStatus, 9);
});
