// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { UnavailableError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { until, within } from "../harness/poll.ts";
import { processesOf } from "../harness/processes.ts";
import { baseName, runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Shims of this daemon's state directory that are alive. */
function shims(daemon: TestDaemon): number {
  return processesOf(baseName(daemon.dir)).filter(({ command }) => command.includes("--control"))
    .length;
}

Deno.test("stop: SIGTERM: what runs is finished, what is new is refused, containers go on", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await TestDaemon.start({ config: wrapper.config });
  const pid = await daemon.run("stays", ["sleep", "1000"]);
  const events = await EventCollector.subscribe(daemon.socket);
  using other = await daemon.connect();
  const release = wrapper.hang("create", { id: "late" });
  const creating = daemon.client.call("container.create", {
    id: "late",
    spec: daemon.spec(["sleep", "1000"]),
  });
  await wrapper.called("create", 2);
  daemon.signal("SIGTERM");
  await until("calls to be refused", async () => {
    try {
      await other.call("daemon.info", {});
      return false;
    } catch (error) {
      assert.ok(error instanceof UnavailableError, String(error));
      return true;
    }
  });
  release();
  const created = await creating;
  assert.ok(created.pid > 0);
  const { code } = await daemon.exited();
  assert.equal(code, 0);
  await events.closed;
  events[Symbol.dispose]();
  await assert.rejects(Deno.stat(daemon.socket), Deno.errors.NotFound);
  // Only the shims that have a container stay.
  await until("the idle shims' end", () => shims(daemon) === 2);

  await daemon.start();
  const { containers } = await daemon.client.call("container.list", {});
  const states = new Map(containers.map(({ id, status, pid }) => [id, { status, pid }]));
  assert.deepEqual(states.get("stays"), { status: "running", pid });
  assert.deepEqual(states.get("late"), { status: "created", pid: created.pid });
  for (const id of states.keys()) {
    await daemon.remove(id);
  }
});

Deno.test("stop: SIGTERM does not wait for a client that waits for a container", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("long", ["sleep", "1000"]);
  const waiting = daemon.exitOf("long").then(() => undefined, (error: unknown) => error);
  assert.equal((await daemon.stop()).code, 0);
  assert.ok(await within("the end of the wait", waiting) instanceof UnavailableError);
  await daemon.start();
  await daemon.remove("long");
});

Deno.test("stop: a daemon that is stopped and started many times keeps its containers", async () => {
  await using daemon = await TestDaemon.start();
  const pid = await daemon.run("c", ["sleep", "1000"]);
  for (let i = 0; i < 5; i++) {
    await daemon.stop();
    await daemon.start();
    await daemon.connected("c");
    const state = await daemon.stateOf("c");
    assert.deepEqual([state.status, state.pid, state.shim], ["running", pid, "connected"]);
  }
  await daemon.remove("c");
});
