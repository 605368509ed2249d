// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { readIfThere } from "../harness/files.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { isGone, readProcess } from "../harness/processes.ts";

const CONFIG = '[shim]\non_death = "adopt"';

/** Kills a container's shim, and waits until another one has taken it over. */
async function adopted(daemon: TestDaemon, id: string): Promise<ContainerState> {
  return await daemon.nextShim(id, await daemon.killShim(id));
}

function linesOf(file: string): number {
  return readIfThere(file).split("\n").length - 1;
}

Deno.test("adopt: a container whose shim is killed goes on, with its output, under another one", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const { client } = daemon;
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    const file = `${daemon.dir}/output`;
    const fifo = makeFifo(daemon.dir);
    await using reader = new FifoReader(fifo);
    const script = "trap 'echo bye >&2; exit 5' TERM; while :; do echo tick; sleep 0.05; done";
    const pid = await daemon.run("kept", ["sh", "-c", script], {}, {
      stdout: `file://${file}`,
      stderr: fifo,
    });
    await until("output", () => linesOf(file) > 3);
    const init = readProcess(pid);

    const state = await adopted(daemon, "kept");
    assert.deepEqual([state.status, state.pid], ["running", pid]);
    assert.equal(readProcess(pid)?.startTime, init?.startTime);
    const before = linesOf(file);
    await until("more output", () => linesOf(file) > before + 3);

    // Everything works as before.
    const exec = await client.call("container.exec", {
      id: "kept",
      process: { args: ["sh", "-c", "exit 4"] },
    });
    const { exitStatus } = await daemon.exitOf("kept", exec.execId);
    assert.equal(exitStatus, 4);
    await client.call("container.pause", { id: "kept" });
    assert.equal((await daemon.stateOf("kept")).status, "paused");
    await client.call("container.resume", { id: "kept" });
    const waiting = daemon.exitOf("kept");
    const killed = performance.now();
    await client.call("container.kill", { id: "kept", signal: "TERM" });
    const exit = await waiting;
    // The daemon, whose child init is now, leaves it a zombie for a second: before Linux 6.15 only that
    // has the status. A timer may fire in the millisecond before.
    await until("the end of init", () => readProcess(pid) === undefined);
    assert.ok(performance.now() - killed >= 999);
    assert.equal(await reader.text(), "bye\n");
    const stopped = await daemon.stateOf("kept");
    assert.equal(stopped.status, "stopped");
    // Where the kernel tells (PIDFD_INFO_EXIT, Linux 6.15), it is the true one.
    if (!stopped.exitStatusUnknown) assert.equal(exit.exitStatus, 5);
    const deleted = await client.call("container.delete", { id: "kept" });
    assert.deepEqual(deleted, { pid, ...exit });
    await events.wait({ type: "delete", id: "kept" });
    const { execId } = exec;
    assert.equal(
      events.types("kept"),
      `create start exec-added:${execId} exec-started:${execId} exit:${execId} paused resumed ` +
        "exit delete",
    );
    assertHistory(events.events);
    for (const path of [file, fifo]) await Deno.remove(path);
  }
  await audit.assertClean();
});

Deno.test("adopt: shims are killed again and again, also while no daemon runs; the container goes on", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const pid = await daemon.run("kept", ["sleep", "1000"]);
  for (let round = 0; round < 2; round++) await adopted(daemon, "kept");
  await daemon.restart();
  await daemon.nextShim("kept", 0);
  const shimPid = await daemon.killWithShim("kept");
  await daemon.start();
  const state = await daemon.nextShim("kept", shimPid);
  assert.deepEqual([state.status, state.pid], ["running", pid]);
  const waiting = daemon.exitOf("kept");
  await daemon.client.call("container.kill", { id: "kept", signal: "KILL" });
  assert.equal((await waiting).exitStatus, 137);
  await daemon.client.call("container.delete", { id: "kept" });
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await events.wait({ type: "delete", id: "kept" });
  assert.equal(events.types("kept"), "create start exit delete");
});

Deno.test("adopt: a container with a terminal is killed with its shim: its output went through it", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  using events = await EventCollector.subscribe(daemon.socket);
  const pid = await daemon.run("tty", ["sleep", "1000"], {}, { terminal: true });
  await daemon.killShim("tty");
  await events.wait({ type: "delete", id: "tty" });
  assert.equal(events.types("tty"), "create start exit delete");
  const [exit] = events.matching({ type: "exit", id: "tty" });
  assert.deepEqual([exit?.pid, exit?.exitStatus, exit?.synthetic], [pid, 137, true]);
});

Deno.test("adopt: an init that ends while neither shim nor daemon is there exits once", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const pid = await daemon.run("gone", ["sleep", "1000"]);
  const shimPid = await daemon.killWithShim("gone");
  await until("the end of the shim", () => isGone(shimPid));
  Deno.kill(pid, "SIGKILL");
  await daemon.start();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  const exit = await events.wait({ type: "exit", id: "gone" });
  assert.deepEqual([exit.pid, exit.exitStatus], [pid, 137]);
  // Whether it was found dead or removed as dead: nothing keeps it.
  await until("its removal", async () => {
    const { containers } = await daemon.client.call("container.list", {});
    if (containers.length === 0) return true;
    await daemon.client.call("container.delete", { id: "gone" }).catch(() => {
      // Not before that is decided.
    });
    return false;
  });
  await events.wait({ type: "delete", id: "gone" });
  assert.equal(events.types("gone"), "create start exit delete");
});

Deno.test("adopt: an exec that runs while its container is adopted still exits once, before init", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const { client } = daemon;
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("kept", ["sleep", "1000"]);
  await client.call("container.exec", {
    id: "kept",
    execId: "worker",
    process: { args: ["sleep", "1001"] },
  });
  await adopted(daemon, "kept");
  await daemon.remove("kept");
  await events.wait({ type: "delete", id: "kept" });
  assert.equal(
    events.types("kept"),
    "create start exec-added:worker exec-started:worker exit:worker exit delete",
  );
});

Deno.test("adopt: every container of a group is adopted", async () => {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const ids = ["a", "b", "c", "d"];
  for (const id of ids) {
    await daemon.run(id, ["sleep", "1000"], {}, { group: "pod" });
  }
  // The daemon learns of it one connection after the other, in any order.
  for (let round = 0; round < 6; round++) {
    const shimPid = await daemon.killShim("a");
    const shims = new Set<number>();
    for (const id of ids) {
      const state = await daemon.nextShim(id, shimPid);
      assert.equal(state.status, "running", id);
      shims.add(state.shimPid);
    }
    assert.equal(shims.size, 1);
  }
  for (const id of ids) {
    const { exitStatus } = await daemon.remove(id);
    assert.equal(exitStatus, 137);
  }
});

Deno.test({
  name: "adopt: a container lives on while the daemon lacks what a shim takes, and gets one then",
  ignore: NO_FAILPOINTS,
  async fn() {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ config: CONFIG, env: failpoints.env });
    for (const [errno, times] of [["EMFILE", 2], ["ENOSPC", 1]] as const) {
      const pid = await daemon.run(errno, ["sleep", "1000"]);
      failpoints.arm(`shims.adopt=${times}*fail:${errno}`);
      const state = await adopted(daemon, errno);
      assert.deepEqual([state.status, state.pid], ["running", pid]);
      for (const said of ["is gone", "cannot adopt it"]) {
        const lines = daemon.log.split("\n").filter((line) =>
          line.includes(`${errno}: `) && line.includes(said)
        );
        assert.equal(lines.length, 1, lines.join("\n"));
      }
      await daemon.remove(errno);
    }
  },
});
