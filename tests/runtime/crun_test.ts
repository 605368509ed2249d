// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RuntimeError } from "../../src/rpc/errors.ts";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { crun } from "../harness/runtime/crun.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { within } from "../harness/poll.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

testNeeding(["crun"], "crun: a life beside another with runc", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const runtime = crun(daemon);
  const audit = await LeakAudit.warm(daemon);
  const stdout = makeFifo(daemon.dir);
  {
    using events = await EventCollector.subscribe(daemon.socket, { ids: ["c"] });
    await daemon.run("beside", ["sleep", "1000"]);
    await using reader = new FifoReader(stdout);
    // It outlives the exec that tells it to go, a zombie until its parent, the runtime, has returned:
    // init's end would cut that short.
    const script = "echo hello; while [ ! -s /tmp/go ] || kill -0 $(cat /tmp/go) 2>/dev/null; do " +
      "sleep 0.05; done; exit 7";
    const spec = daemon.spec(["sh", "-c", script]);
    const { pid } = await client.call("container.create", { id: "c", spec, stdout, runtime });
    await client.call("container.start", { id: "c" });
    const state = await daemon.stateOf("c");
    assert.equal(state.status, "running");
    assert.equal(state.runtime, runtime);
    assert.notEqual((await daemon.stateOf("beside")).runtime, runtime);

    await client.call("container.pause", { id: "c" });
    assert.equal((await daemon.stateOf("c")).status, "paused");
    await client.call("container.resume", { id: "c" });
    await daemon.restart();
    await daemon.connected("c");

    const target = { id: "c", execId: "e" };
    const process = { args: ["sh", "-c", "exit 3"] };
    await daemon.client.call("container.exec", { ...target, process });
    assert.equal((await daemon.client.call("container.wait", target)).exitStatus, 3);
    const go = { args: ["sh", "-c", "echo $$ >/tmp/go"] };
    await daemon.client.call("container.exec", { id: "c", execId: "go", process: go });
    assert.equal((await daemon.exitOf("c")).exitStatus, 7);
    assert.equal(await within("the end of its output", reader.text()), "hello\n");
    const deleted = await daemon.client.call("container.delete", { id: "c" });
    assert.equal(deleted.pid, pid);
    assert.equal(deleted.exitStatus, 7);
    using history = await EventCollector.subscribe(daemon.socket, { after: 0, ids: ["c"] });
    await history.wait({ type: "delete" });
    assert.equal(
      history.types(),
      "create start paused resumed exec-added:e exec-started:e exit:e " +
        "exec-added:go exec-started:go exit:go exit delete",
    );
    assert.ok(events.events.length > 0);
    await daemon.remove("beside");
  }
  await Deno.remove(stdout);
  await audit.assertClean();
});

testNeeding(["crun"], "crun fails in its own words, kills with all, has a terminal", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const runtime = crun(daemon);
  const audit = await LeakAudit.warm(daemon);
  const bad = client.call("container.create", {
    id: "c",
    spec: daemon.spec(["no-such-command"]),
    runtime,
  });
  await assert.rejects(bad, (error) => {
    assert.ok(error instanceof RuntimeError, String(error));
    assert.match(String(error.data.runtimeMessage), /no-such-command.*not found/);
    return true;
  });
  const stdout = makeFifo(daemon.dir);
  {
    await using reader = new FifoReader(stdout);
    const spec = daemon.spec(["sh", "-c", "stty size; sleep 1000 & sleep 1000"]);
    await client.call("container.create", { id: "c", spec, runtime, terminal: true, stdout });
    await client.call("container.resizePty", { id: "c", width: 88, height: 22 });
    await client.call("container.start", { id: "c" });
    const stream = reader.stream.pipeThrough(new TextDecoderStream()).getReader();
    let shown = "";
    // The kernel writes a line's end by itself: it may come alone.
    while (!shown.includes("\n")) {
      const { value, done } = await within("the size", stream.read());
      assert.ok(!done, shown);
      shown += value;
    }
    assert.equal(shown, "22 88\r\n");
    await client.call("container.kill", { id: "c", signal: "KILL", all: true });
    assert.equal((await daemon.exitOf("c")).exitStatus, 137);
    await client.call("container.delete", { id: "c" });
    await stream.cancel();
  }
  await Deno.remove(stdout);
  await audit.assertClean();
});

testNeeding(["crun"], "crun: what it cannot execute is 126 and what is not there 127", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--runtime", crun(daemon), ...rootfsArgs(daemon), "--"];
  for (
    const [command, code] of [
      ["/etc/passwd", 126],
      ["/etc", 126],
      ["/bin/sh/x", 127],
      ["/no/such", 127],
    ] as const
  ) {
    const result = await cli(daemon, [...run, command]);
    assert.equal(result.code, code, result.stderr);
  }
});
