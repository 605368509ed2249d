// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError, NotFoundError, RuntimeError } from "../../src/rpc/errors.ts";
import type { TestDaemonOptions } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { audited } from "../harness/leaks/audited.ts";
import { until, within } from "../harness/poll.ts";
import { NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { processesOf } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";

const NO_SHIM: TestDaemonOptions = { config: "[runtime]\nno_shim = true" };

Deno.test("no shim: with no_shim a container lives in the daemon: create, start, exec, kill, delete, events", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    using events = await EventCollector.subscribe(daemon.socket);
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    const { pid } = await client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sh", "-c", "echo started; sleep 1000"]),
      stdout,
    });
    await client.call("container.start", { id: "c" });
    const shown = reader.stream.pipeThrough(new TextDecoderStream()).getReader();
    assert.deepEqual(await within("the output", shown.read()), { value: "started\n", done: false });
    const state = await daemon.stateOf("c");
    assert.equal(state.status, "running");
    assert.equal(state.shim, "none");
    assert.equal(state.shimPid, daemon.pid);
    const shims = processesOf(baseName(daemon.dir)).filter(({ command }) => {
      return /\bshim\b/.test(command);
    });
    assert.deepEqual(shims, [], "no shim is running");

    const exec = await client.call("container.exec", {
      id: "c",
      execId: "e",
      process: { args: ["sh", "-c", "exit 12"] },
    });
    assert.equal((await daemon.exitOf("c", "e")).exitStatus, 12);
    assert.deepEqual(
      (await daemon.stateOf("c")).processes.map(
        ({ execId, pid, status, exitStatus }) => ({ execId, pid, status, exitStatus }),
      ),
      [{ execId: "e", pid: exec.pid, status: "stopped", exitStatus: 12 }],
    );
    await client.call("container.pause", { id: "c" });
    assert.equal((await daemon.stateOf("c")).status, "paused");
    await client.call("container.resume", { id: "c" });
    assert.deepEqual(await client.call("container.start", { id: "c" }), { pid });
    await assert.rejects(client.call("container.delete", { id: "c" }), FailedPreconditionError);
    await client.call("container.kill", { id: "c", signal: "TERM" });
    await client.call("container.kill", { id: "c", signal: "KILL" });
    assert.equal((await daemon.exitOf("c")).exitStatus, 137);
    await assert.rejects(client.call("container.kill", { id: "c", signal: 9 }), NotFoundError);
    const deleted = await client.call("container.delete", { id: "c" });
    assert.equal(deleted.exitStatus, 137);
    assert.equal(deleted.pid, pid);
    assert.equal((await within("the end of the output", shown.read())).done, true);
    await events.wait({ type: "delete" });
    assert.equal(
      events.types(),
      "create start exec-added:e exec-started:e exit:e paused resumed exit delete",
    );
  }, NO_SHIM);
});

Deno.test("no shim: with no_shim a failed create leaves nothing, and many live at once", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const bad = client.call("container.create", { id: "c", spec: daemon.spec(["no-such-thing"]) });
    await assert.rejects(bad, RuntimeError);
    const statuses = await Promise.all(Array.from({ length: 8 }, (_, i) => {
      return daemon.life(`c${i}`, ["sh", "-c", `exit ${i}`]);
    }));
    assert.deepEqual(statuses, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(await daemon.life("c"), 0);
    await client.call("container.create", { id: "c", spec: daemon.spec(["true"]) });
    assert.equal((await client.call("container.delete", { id: "c" })).exitStatus, 137);
    await daemon.run("c", ["sleep", "1000"]);
    assert.equal((await daemon.remove("c")).exitStatus, 137);
  }, NO_SHIM);
});

Deno.test("no shim: with no_shim a terminal works", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sh", "-c", "stty size; exit 2"]),
      terminal: true,
      stdout,
    });
    await client.call("container.resizePty", { id: "c", width: 90, height: 15 });
    await client.call("container.start", { id: "c" });
    assert.equal(await within("the end", reader.text()), "15 90\r\n");
    assert.equal((await daemon.exitOf("c")).exitStatus, 2);
    await client.call("container.delete", { id: "c" });
  }, NO_SHIM);
});

Deno.test({
  name: "no shim: with no_shim an error that nothing handles does not end the daemon",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    await audited(async (daemon) => {
      const pid = await daemon.run("c", ["sleep", "1000"]);
      Deno.kill(daemon.pid, "SIGHUP");
      await until("the error", () => /unhandled error[^]*EIO/.test(daemon.log));
      const removed = await daemon.remove("c");
      assert.deepEqual([removed.pid, removed.exitStatus], [pid, 137]);
    }, { ...NO_SHIM, env: { BERTH_FAILPOINTS: "daemon.reload=fail:EIO" } });
  },
});
