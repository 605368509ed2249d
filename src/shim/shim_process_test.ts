// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../../tests/harness/command.ts";
import { until, within } from "../../tests/harness/poll.ts";
import { dial } from "../rpc/transport/dial.ts";
import { FailedPreconditionError, InvalidParamsError } from "../rpc/errors.ts";
import type { ShimEvent } from "../rpc/contract/shim.ts";
import { readExitRecord } from "../oci/exit_record.ts";
import { PROTOCOL } from "../version.ts";
import { TestArea, type TestContainer } from "./testing/bundle_testing.ts";
import { TestShim } from "./testing/shim_testing.ts";

/** The processes are the shim's, so this process must not reap: areas without a reaper. */
function newArea(): TestArea {
  return new TestArea({ reaper: false });
}

Deno.test("shim process: a shim serves a bundle over its socket and is used again", async () => {
  await using area = newArea();
  await using shim = await TestShim.start(area);
  for (const round of [1, 2]) {
    const paths = area.bundle({ args: ["/bin/sh", "-c", `exit ${round}`] });
    assert.deepEqual(await shim.control.call("shim.serve", { bundle: paths.dir }), {
      pid: shim.pid,
    });
    assert.equal(JSON.parse(Deno.readTextFileSync(paths.shimRecord)).pid, shim.pid);
    using peer = await dial(paths.shimSocket, { onError: console.error });
    const events: ShimEvent[] = [];
    peer.onNotification("shim.event", (event) => events.push(event as ShimEvent));
    const hello = await peer.call("shim.connect", {}) as { pid: number; protocol: number };
    assert.equal(hello.pid, shim.pid);
    assert.equal(hello.protocol, PROTOCOL);
    await peer.call("shim.events", { after: 0 });
    await peer.call("shim.create", {});
    await assert.rejects(peer.call("shim.exit", { reuse: true }), FailedPreconditionError);
    await peer.call("shim.start", {});
    const exit = await peer.call("shim.wait", {}) as { exitStatus: number };
    assert.equal(exit.exitStatus, round);
    await assert.rejects(peer.call("shim.kill", { signal: 0, x: 1 }), (error: Error) => {
      assert.ok(error instanceof InvalidParamsError);
      assert.deepEqual(error.issues.map(({ path }) => path), ["signal", "x"]);
      return true;
    });
    await peer.call("shim.delete", {});
    assert.deepEqual(events.map(({ type }) => type), ["create", "start", "exit"]);
    peer.notify("shim.ack", { seq: 3 });
    assert.deepEqual(await peer.call("shim.exit", { reuse: true }), { reused: true });
    await peer.closed;
    const left = Array.from(Deno.readDirSync(paths.dir), ({ name }) => name);
    assert.ok(!left.includes("shim.sock") && !left.includes("shim.json"), left.join());
  }
  shim.control.close();
  assert.equal((await shim.ended).code, 0);
});

Deno.test("shim process: events are kept for who connects later, until acknowledged", async () => {
  await using area = newArea();
  await using shim = await TestShim.start(area);
  const paths = area.bundle({ args: ["/bin/true"] });
  await shim.control.call("shim.serve", { bundle: paths.dir });
  {
    using peer = await dial(paths.shimSocket, { onError: console.error });
    await peer.call("shim.create", {});
    await peer.call("shim.start", {});
    await peer.call("shim.wait", {});
    await peer.call("shim.ack", { seq: 1 });
  }
  shim.control.close();
  using peer = await dial(paths.shimSocket, { onError: console.error });
  const events: ShimEvent[] = [];
  peer.onNotification("shim.event", (event) => events.push(event as ShimEvent));
  assert.deepEqual(await peer.call("shim.events", { after: 0 }), { latest: 3 });
  assert.deepEqual(events.map(({ seq, type }) => [seq, type]), [[2, "start"], [3, "exit"]]);
  await peer.call("shim.delete", {});
  assert.deepEqual(await peer.call("shim.exit", { reuse: true }), { reused: false });
  assert.equal((await shim.ended).code, 0);
});

Deno.test("shim process: a shim that serves nothing leaves with its daemon, one that serves does not", async () => {
  await using area = newArea();
  await using shim = await TestShim.start(area);
  const paths = area.bundle();
  await shim.control.call("shim.serve", { bundle: paths.dir });
  using peer = await dial(paths.shimSocket, { onError: console.error });
  await peer.call("shim.create", {});
  shim.control.close();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) Deno.kill(shim.pid, signal);
  assert.equal((await peer.call("shim.state", {}) as { status: string }).status, "created");
  await peer.call("shim.delete", {});
  await peer.call("shim.exit", {});
  assert.equal((await shim.ended).code, 0);
});

/**
 * Runs a command as the only thing but itself in a pid namespace, until someone writes to the FIFO; then
 * does what systemd-shutdown(8) does, without a SIGKILL, and exits as the command does.
 */
const SYSTEMD = `fifo=$1; shift
"$@" & main=$!
read -r _ <"$fifo"
echo systemd-shutdown >/proc/1/comm
kill -TERM -1
wait $main`;

Deno.test("shim process: at the end of a shutdown a shim stops its containers and leaves", async () => {
  await using area = newArea();
  const fifo = area.fifo("shutdown");
  const namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
  await using shim = await TestShim.start(
    area,
    "shims",
    [...namespace, "sh", "-c", SYSTEMD, "sh", fifo],
  );
  const start = async (trap: string, record: TestContainer["record"] = {}) => {
    const out = `${area.dir}/${crypto.randomUUID()}`;
    const paths = area.bundle({
      args: ["/bin/sh", "-c", `trap ${trap}; echo up; while :; do sleep 0.05; done`],
      stdio: { stdout: `file://${out}` },
      record,
    });
    await shim.control.call("shim.serve", { bundle: paths.dir });
    using peer = await dial(paths.shimSocket, { onError: console.error });
    await peer.call("shim.create", {});
    await peer.call("shim.start", {});
    await until("the trap", () => Deno.readTextFileSync(out) === "up\n");
    return paths;
  };
  const started = [
    await start("'exit 5' TERM", { stopTimeout: 1000 }),
    await start("'exit 6' USR1", { stopTimeout: 1000, stopSignal: "USR1" }),
    await start("'' TERM", { stopTimeout: 0.1 }),
  ];
  shim.control.close();
  await Deno.writeTextFile(fifo, "\n");
  assert.equal((await within("the shim's end", shim.ended)).code, 0);
  for (const [index, status] of [5, 6, 137].entries()) {
    const { exitRecord, record } = started[index]!;
    const { id, instance } = JSON.parse(Deno.readTextFileSync(record));
    assert.equal(readExitRecord(exitRecord, instance)?.exitStatus, status);
    await run(["runc", "--root", area.runtimeRoot, "delete", "--force", id]);
  }
});

Deno.test("shim process: a shim whose bundle is gone kills the container and leaves", async () => {
  await using area = newArea();
  await using shim = await TestShim.start(area);
  const paths = area.bundle();
  await shim.control.call("shim.serve", { bundle: paths.dir });
  using peer = await dial(paths.shimSocket, { onError: console.error });
  const { pid } = await peer.call("shim.create", {}) as { pid: number };
  await peer.call("shim.start", {});
  Deno.removeSync(paths.dir, { recursive: true });
  shim.control.close();
  assert.equal((await shim.ended).code, 0);
  await until("init is gone", () => {
    try {
      Deno.statSync(`/proc/${pid}`);
      return false;
    } catch {
      return true; // no such process
    }
  });
  assert.deepEqual(Array.from(Deno.readDirSync(area.runtimeRoot)), []);
});

Deno.test("shim process: two bundles share a shim and the second outlives the first", async () => {
  await using area = newArea();
  await using shim = await TestShim.start(area);
  const one = area.bundle({ args: ["/bin/true"] });
  const two = area.bundle({ args: ["/bin/true"] });
  await shim.control.call("shim.serve", { bundle: one.dir });
  using first = await dial(one.shimSocket, { onError: console.error });
  await first.call("shim.serve", { bundle: two.dir });
  await assert.rejects(first.call("shim.serve", { bundle: two.dir }), FailedPreconditionError);
  using second = await dial(two.shimSocket, { onError: console.error });
  for (const peer of [first, second]) {
    await peer.call("shim.create", {});
    await peer.call("shim.start", {});
    await peer.call("shim.wait", {});
    await peer.call("shim.delete", {});
  }
  assert.deepEqual(await first.call("shim.exit", { reuse: true }), { reused: false });
  await first.closed;
  assert.equal((await second.call("shim.state", {}) as { status: string }).status, "deleted");
  assert.deepEqual(await second.call("shim.exit", { reuse: true }), { reused: true });
});
