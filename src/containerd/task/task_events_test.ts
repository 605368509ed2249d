// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import { Poller } from "../../linux/fd/poller.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { TaskEvents } from "./task_events.ts";

const at = "2026-01-01T00:00:00.000Z";
const stdio = { stdin: "", stdout: "", stderr: "", terminal: false };

function event(seq: number, type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq, timestamp: at, type, pid: 7, ...more };
}

/** Calls `body` with the events of a container, what was told of them, and its cgroup of v2. */
async function withEvents(
  body: (events: TaskEvents, told: string[], tree: FileTree) => void | Promise<void>,
): Promise<void> {
  using tree = new FileTree({
    "scope/memory.current": "0\n",
    "scope/memory.events": "oom_kill 0\n",
  });
  await using poller = new Poller();
  const told: string[] = [];
  using events = new TaskEvents({
    container: { id: "web", bundle: "/b", rootfs: [], stdio, checkpoint: "" },
    context: {
      poller,
      log: (_, message) => told.push(message),
      publish: ({ topic }) => told.push(topic),
      isQueued: () => false,
    },
    ack: (seq) => told.push(`ack ${seq}`),
    isKillLogged: (dir, pid) => {
      told.push("looked");
      return dir === `${tree.dir}/scope` && pid === 7;
    },
  });
  await body(events, told, tree);
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

Deno.test("TaskEvents: of a cgroup that is gone the kernel's log tells whether a SIGKILL was an OOM kill", async () => {
  const table: [exit: Partial<ShimEvent>, seen: number, isGone: boolean, told: string[]][] = [
    [{ exitStatus: 137 }, 0, true, ["looked", "/tasks/oom"]],
    [{ exitStatus: 137, pid: 8 }, 0, true, ["looked"]],
    [{ exitStatus: 1 }, 0, true, []],
    // Where one was seen while the cgroup was there, and where it still is, nothing has to be looked for.
    [{ exitStatus: 137 }, 1, true, ["/tasks/oom"]],
    [{ exitStatus: 137 }, 0, false, []],
  ];
  for (const [exit, seen, isGone, expected] of table) {
    await withEvents((events, told, tree) => {
      tree.write("scope/memory.events", `oom_kill ${seen}\n`);
      events.watchOom(() => ({ version: 2, paths: { unified: `${tree.dir}/scope` } }));
      if (isGone) Deno.removeSync(`${tree.dir}/scope`, { recursive: true });
      events.handle(event(1, "exit", { exitedAt: at, ...exit }));
      assert.deepEqual(told, [...expected, "/tasks/exit", "ack 1"]);
    });
  }
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
