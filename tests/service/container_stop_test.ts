// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until, within } from "../harness/poll.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Ends with 3 at SIGTERM, 4 at SIGINT; says when it listens. */
const POLITE = 'trap "exit 3" TERM; trap "exit 4" INT; touch /tmp/on; while :; do sleep 0.05; done';
/** Takes no notice of SIGTERM. */
const STUBBORN = 'trap "" TERM; touch /tmp/on; while :; do sleep 0.05; done';

/** Starts a container that runs a script, and waits until that listens. */
async function started(daemon: TestDaemon, id: string, script: string, ...flags: string[]) {
  const tmp = `${daemon.dir}/tmp-${id}`;
  Deno.mkdirSync(tmp);
  const run = ["run", "-d", "--name", id, "-v", `${tmp}:/tmp`, ...flags, ...rootfsArgs(daemon)];
  const { code, stderr } = await cli(daemon, [...run, "--", "sh", "-c", script]);
  assert.equal(code, 0, stderr);
  await until("the script", () => [...Deno.readDirSync(tmp)].length > 0);
}

Deno.test("container.stop asks with the stop signal and returns how the container ended", async () => {
  await using daemon = await TestDaemon.start();
  await started(daemon, "term", POLITE);
  await started(daemon, "int", POLITE, "--stop-signal", "INT");
  await started(daemon, "given", POLITE, "--stop-signal", "HUP");
  const stop = (id: string, more = {}) => daemon.client.call("container.stop", { id, ...more });
  assert.equal((await stop("term")).exitStatus, 3);
  assert.equal((await stop("int")).exitStatus, 4);
  assert.equal((await stop("given", { signal: "SIGTERM" })).exitStatus, 3);
  // Once more is no error, and gives the same.
  assert.equal((await stop("term")).exitStatus, 3);
  await assert.rejects(stop("none"), { kind: "NotFound" });
  await assert.rejects(stop("int", { signal: "NOPE" }), { kind: "InvalidParams" });
});

Deno.test("container.stop kills what does not end in time, is paused, or was never started", async () => {
  await using daemon = await TestDaemon.start();
  await started(daemon, "stubborn", STUBBORN);
  await started(daemon, "own", STUBBORN, "--stop-timeout", "0.5");
  await started(daemon, "paused", POLITE);
  const created = ["create", "--name", "created", ...rootfsArgs(daemon), "--", "sh", "-c", POLITE];
  await ok(daemon, ...created);
  const stop = (id: string, timeout?: number) =>
    daemon.client.call("container.stop", { id, ...(timeout !== undefined && { timeout }) });
  assert.equal((await stop("stubborn", 0.2)).exitStatus, 137);
  assert.equal((await stop("own")).exitStatus, 137);
  await daemon.client.call("container.pause", { id: "paused" });
  assert.equal((await stop("paused", 60)).exitStatus, 3);
  assert.equal((await stop("created", 60)).exitStatus, 137);
  // Below 0 there is no SIGKILL, as in docker, and the earliest of several wins.
  await started(daemon, "forever", STUBBORN);
  const forever = cli(daemon, ["stop", "-t", "-1", "forever"]);
  assert.equal((await stop("forever", 2)).exitStatus, 137);
  assert.deepEqual(await forever, { code: 0, stdout: "forever\n", stderr: "" });
  // A shutdown, which gives the container its own time, does not wait for a stop without end.
  await started(daemon, "down", STUBBORN, "--stop-timeout", "0.5");
  const endless = stop("down", -1);
  const down = await within(
    "the end of a shutdown",
    daemon.client.call("container.stop", { id: "down", shutdown: true }),
  );
  assert.deepEqual([down.exitStatus, (await endless).exitStatus], [137, 137]);
});

Deno.test("container.stop that fails leaves the next daemon nothing to finish, and the policy in force", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\ntimeout = 5" });
  await started(daemon, "wedged", STUBBORN, "--restart", "always");
  const { pid, shimPid } = await daemon.stateOf("wedged");
  const record = `${daemon.state}/linux/wedged/stop.json`;
  Deno.kill(shimPid, "SIGSTOP");
  try {
    const stopped = daemon.client.call("container.stop", { id: "wedged", timeout: 600 });
    const failed = assert.rejects(stopped, { kind: "DeadlineExceeded" });
    await until("the record of a stop that is under way", () => existsSync(record));
    await failed;
  } finally {
    Deno.kill(shimPid, "SIGCONT");
  }
  assert.equal(existsSync(record), false);
  Deno.kill(pid, "SIGKILL");
  await daemon.untilState("wedged", ({ restartCount }) => restartCount === 1);
  await daemon.remove("wedged");
});

Deno.test("container.stop ends a container whose checkpoint hangs", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  wrapper.rule("checkpoint", "exec sleep 1000");
  await daemon.run("c", ["sleep", "1000"], {}, { runtime: wrapper.path });
  const cut = assert.rejects(
    client.call("container.checkpoint", { id: "c", path: `${daemon.dir}/ck`, exit: true }),
  );
  await wrapper.called("checkpoint");
  const begun = performance.now();
  assert.equal((await client.call("container.stop", { id: "c", timeout: 1 })).exitStatus, 137);
  // The runtime's own time is 120 s.
  assert.ok(performance.now() - begun < 60_000);
  await cut;
});

Deno.test("berth stop stops several, and the kill comes although its daemon was killed", async () => {
  await using daemon = await TestDaemon.start();
  await started(daemon, "a", POLITE);
  await started(daemon, "b", POLITE);
  assert.deepEqual(await cli(daemon, ["stop", "a", "b"]), {
    code: 0,
    stdout: "a\nb\n",
    stderr: "",
  });
  await started(daemon, "c", STUBBORN);
  const stopping = cli(daemon, ["stop", "-t", "5", "c"]);
  const record = `${daemon.state}/linux/c/stop.json`;
  await until("the record of the stop", () => {
    try {
      return Deno.statSync(record).isFile;
    } catch {
      // Not yet.
      return false;
    }
  });
  await daemon.kill9();
  await daemon.start();
  assert.deepEqual(await within("the stop", stopping), { code: 0, stdout: "c\n", stderr: "" });
  const { exitStatus } = await daemon.exitOf("c");
  assert.equal(exitStatus, 137);
});

Deno.test("berth stop and restart send the signal that -s names", async () => {
  await using daemon = await TestDaemon.start();
  await started(daemon, "web", POLITE);
  const statusOf = async (...args: string[]) => {
    const on = `${daemon.dir}/tmp-web/on`;
    await until("the script", () => existsSync(on));
    Deno.removeSync(on);
    assert.deepEqual(await cli(daemon, args), { code: 0, stdout: "web\n", stderr: "" });
    const { status, exitStatus, lastExit } = await daemon.stateOf("web");
    return [status, status === "stopped" ? exitStatus : lastExit?.exitStatus];
  };
  assert.deepEqual(await statusOf("restart", "-s", "INT", "web"), ["running", 4]);
  // By its number, too.
  assert.deepEqual(await statusOf("restart", "--signal", "2", "web"), ["running", 4]);
  assert.deepEqual(await statusOf("restart", "web"), ["running", 3]);
  assert.deepEqual(await statusOf("stop", "-s", "SIGINT", "web"), ["stopped", 4]);
  assert.equal((await cli(daemon, ["stop", "-s", "NOPE", "web"])).code, 125);
});

for (const point of ["stop.record", "stop.signal"]) {
  Deno.test({
    name: `container.stop is finished by the next daemon when its own dies at ${point}`,
    ignore: NO_FAILPOINTS,
    fn: async () => {
      using failpoints = new FailpointFile();
      await using daemon = await TestDaemon.start({ env: failpoints.env });
      await started(daemon, "c", STUBBORN);
      failpoints.arm(`${point}=crash`);
      await assert.rejects(daemon.client.call("container.stop", { id: "c", timeout: 0.5 }));
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      const { exitStatus } = await within("the end", daemon.exitOf("c"));
      assert.equal(exitStatus, 137);
    },
  });
}
