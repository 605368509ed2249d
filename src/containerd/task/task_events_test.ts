// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { OomLog } from "../../linux/oom/oom_log.ts";
import { killTexts } from "../../linux/oom/oom_log_testing.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { TaskEvents } from "./task_events.ts";

const at = "2026-01-01T00:00:00.000Z";
const stdio = { stdin: "", stdout: "", stderr: "", terminal: false };

function event(seq: number, type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq, timestamp: at, type, pid: 7, ...more };
}

/** Calls `body` with the events of a container, what was told of them, its cgroup of v2, and the kernel's log. */
async function withEvents(
  body: (
    events: TaskEvents,
    told: string[],
    tree: FileTree,
    logged: string[],
  ) => void | Promise<void>,
): Promise<void> {
  using tree = new FileTree({
    "scope/memory.current": "0\n",
    "scope/memory.events": "oom_kill 0\n",
  });
  await using poller = new Poller();
  const told: string[] = [], logged: string[] = [];
  using log = new OomLog({ read: () => logged.splice(0), [Symbol.dispose]: () => {} }, {
    hierarchies: [{ names: ["unified"], mountPoint: tree.dir, root: "/" }],
    onFailure: () => assert.fail(),
  });
  using events = new TaskEvents({
    container: { id: "web", bundle: "/b", rootfs: [], stdio, checkpoint: "" },
    context: {
      poller,
      oomLog: () => log,
      log: (_, message) => told.push(message),
      publish: ({ topic }) => told.push(topic),
      isQueued: () => false,
    },
    ack: (seq) => told.push(`ack ${seq}`),
  });
  await body(events, told, tree, logged);
}

Deno.test("TaskEvents: an OOM kill that no notification has told of yet is told before the exit", async () => {
  await withEvents((events, told, tree) => {
    events.watchOom(() => ({ version: 2, paths: { unified: `${tree.dir}/scope` } }));
    tree.write("scope/memory.events", "oom_kill 1\n");
    // The event loop, which notifications come by, does not turn meanwhile.
    events.handle(event(1, "exit", { exitStatus: 137, exitedAt: at }));
    assert.deepEqual(told, ["/tasks/oom", "/tasks/exit", "ack 1"]);
  });
});

Deno.test("TaskEvents: of a cgroup that is gone the kernel's log tells the kills, of children too", async () => {
  const table: [killed: [pid: number, dir: string][], seen: number, kills: number][] = [
    [[[7, "scope"]], 0, 1],
    // Of children, of which init's exit says nothing, and of other containers.
    [[[8, "scope"], [9, "scope/below"], [5, "scope2"], [6, ""]], 0, 2],
    [[[5, "scope2"]], 0, 0],
    // Where one was seen while the cgroup was there.
    [[[8, "scope"], [7, "scope"]], 1, 2],
  ];
  for (const [killed, seen, kills] of table) {
    await withEvents(async (events, told, tree, logged) => {
      // Of a former container of the same name.
      logged.push(...killTexts(7, "/scope"));
      events.watchOom(() => ({ version: 2, paths: { unified: `${tree.dir}/scope` } }));
      logged.push(...killed.flatMap(([pid, dir]) => killTexts(pid, `/${dir}`)));
      if (seen > 0) {
        tree.write("scope/memory.events", `oom_kill ${seen}\n`);
        await until("the kill that was counted", () => told.includes("/tasks/oom"));
      }
      Deno.removeSync(`${tree.dir}/scope`, { recursive: true });
      events.handle(event(1, "exit", { exitedAt: at, exitStatus: 1 }));
      const ooms = told.filter((topic) => topic === "/tasks/oom");
      assert.equal(ooms.length, kills, JSON.stringify(killed));
      assert.deepEqual(told.slice(-2), ["/tasks/exit", "ack 1"]);
    });
  }
});

Deno.test("TaskEvents: the log tells init's kill also where it lacks the cgroup of one before", async () => {
  await withEvents(async (events, told, tree, logged) => {
    events.watchOom(() => ({ version: 2, paths: { unified: `${tree.dir}/scope` } }));
    // As for all but ten kills in five seconds.
    logged.push(...killTexts(8));
    tree.write("scope/memory.events", "oom_kill 1\n");
    await until("the kill that was counted", () => told.includes("/tasks/oom"));
    logged.push(...killTexts(7, "/scope"));
    Deno.removeSync(`${tree.dir}/scope`, { recursive: true });
    events.handle(event(1, "exit", { exitedAt: at, exitStatus: 137 }));
    assert.deepEqual(told, ["/tasks/oom", "/tasks/oom", "/tasks/exit", "ack 1"]);
  });
});

Deno.test("TaskEvents: an exit is told where the cgroup cannot be found or read", async () => {
  await withEvents((events, told) => {
    events.watchOom(() => {
      throw new Error("too many open files");
    });
    events.handle(event(1, "exit", { exitStatus: 0, exitedAt: at }));
    const message = "OOM kills are not told: too many open files";
    assert.deepEqual(told, [message, "/tasks/exit", "ack 1"]);
  });
});

Deno.test("TaskEvents: the events of an exec are told in order, after its client has the answer", async () => {
  await withEvents(async (events, told) => {
    const exec = { execId: "e" };
    events.handle(event(1, "exec-started", exec));
    events.handle(event(2, "exit", { ...exec, exitStatus: 0, exitedAt: at }));
    assert.deepEqual(told, []);
    await until("both", () => told.length === 4);
    assert.deepEqual(told, ["/tasks/exec-started", "ack 1", "/tasks/exit", "ack 2"]);
  });
});

Deno.test("TaskEvents: init's exit is told at once, what waited of its execs before it", async () => {
  await withEvents((events, told) => {
    events.handle(event(1, "exec-added", { execId: "e" }));
    events.handle(event(2, "exit", { exitStatus: 0, exitedAt: at }));
    assert.deepEqual(told, ["/tasks/exec-added", "ack 1", "/tasks/exit", "ack 2"]);
  });
});
