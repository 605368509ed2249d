// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  AlreadyExistsError,
  BerthError,
  connect,
  NotFoundError,
  RunTimeoutError,
} from "../../mod.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { CALL_TIMEOUT_MS, until, within } from "../harness/poll.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { rootfsDir } from "../harness/rootfs.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("Client.run collects what a container writes and leaves nothing", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("first");
  const audit = LeakAudit.take(daemon);
  {
    await using client = await connect({ socket: daemon.socket });
    const rootfs = rootfsDir();
    const done = await client.run(
      { rootfs, args: ["sh", "-c", "cat; echo bad >&2; exit 3"], env: ["A=1"] },
      { stdin: "in and out\n", create: { labels: { by: "run" } } },
    );
    assert.deepEqual(
      [done.exitStatus, text(done.stdout), text(done.stderr), done.truncated],
      [3, "in and out\n", "bad\n", false],
    );

    const long = await client.run(
      { spec: daemon.spec(["sh", "-c", "head -c 3000000 /dev/zero; echo x >&2"]) },
      { maxOutput: 1000 },
    );
    assert.deepEqual([long.stdout.length, text(long.stderr), long.truncated], [1000, "x\n", true]);

    // A machine that is too slow to begin within the time has more of it at the next try.
    for (let timeoutMs = 1000, begun = ""; begun === ""; timeoutMs *= 4) {
      await assert.rejects(
        client.run({ spec: daemon.spec(["sh", "-c", "echo begun; sleep 1000"]) }, {
          id: "late",
          timeoutMs,
        }),
        (error) => {
          assert.ok(error instanceof RunTimeoutError, String(error));
          assert.deepEqual([error.name, error.kind], ["RunTimeoutError", "DeadlineExceeded"]);
          begun = text(error.output.stdout);
          return begun === "begun\n" || (begun === "" && timeoutMs < 60_000);
        },
      );
    }
    const abort = new AbortController();
    const aborted = client.run({ spec: daemon.spec(["sleep", "1000"]) }, {
      id: "aborted",
      signal: abort.signal,
    });
    await until(
      "the container to run",
      async () => (await client.list({ status: "running" })).some(({ id }) => id === "aborted"),
    );
    abort.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    await assert.rejects(client.run({ spec: daemon.spec(["/none"]) }), /none/);
    assert.deepEqual(await client.list(), []);
  }
  await audit.assertClean();
});

Deno.test("Container.stop asks before it kills, and a handle can delete its container", async () => {
  await using daemon = await TestDaemon.start();
  await using client = await connect({ socket: daemon.socket });
  {
    await using container = await client.create({
      id: "stopped",
      spec: daemon.spec(["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"]),
      stdout: "piped",
    }, { deleteOnDispose: true });
    await container.start();
    // The type says that the stream is there.
    await container.stdout.getReader().read();
    // @ts-expect-error and that nothing else is: stdin was not asked for.
    assert.throws(() => container.stdin.getWriter(), TypeError);
    // @ts-expect-error nor was stderr.
    assert.throws(() => container.stderr.getReader(), TypeError);
    assert.equal((await container.stop({ graceMs: 60_000 })).exitStatus, 5);
    assert.equal((await container.stop()).exitStatus, 5);
    const before = await container.state();
    const pid = await container.start();
    const again = await container.state();
    assert.deepEqual([again.status, again.pid], ["running", pid]);
    assert.notEqual(again.instance, before.instance);
    assert.notEqual(await container.restart({ graceMs: 0 }), pid);
  }
  await assert.rejects(client.container("stopped").state(), NotFoundError);
  {
    await using container = await client.create({
      id: "gone",
      spec: daemon.spec(["sleep", "1000"]),
    }, { deleteOnDispose: true });
    await container.start();
    await client.container("gone").delete({ force: true });
  }
});

Deno.test("Client.create, start, restart, stop and delete find no daemon, and wait for the next one", async () => {
  await using daemon = await TestDaemon.start();
  await using client = await connect({ socket: daemon.socket });
  const spec = daemon.spec(["sleep", "1000"]);
  await daemon.kill9();
  const created = client.create({ id: "web", spec });
  await daemon.start();
  const container = await within("the create", created);
  await assert.rejects(client.create({ id: "web", spec }), AlreadyExistsError);

  await daemon.kill9();
  const started = container.start();
  await daemon.start();
  const pid = await within("the start", started);
  assert.equal((await container.state()).pid, pid);

  await daemon.kill9();
  const restarted = container.restart({ graceMs: 0 });
  await daemon.start();
  const next = await within("the restart", restarted);
  assert.notEqual(next, pid);
  assert.equal((await container.state()).pid, next);

  await daemon.kill9();
  const stopped = container.stop({ graceMs: 0 });
  await daemon.start();
  assert.equal((await within("the stop", stopped)).exitStatus, 137);
  assert.equal((await container.state()).status, "stopped");

  await daemon.kill9();
  const deleted = container.delete({ force: true });
  await daemon.start();
  assert.equal((await within("the delete", deleted)).pid, next);
  await daemon.kill9();
  await assert.rejects(client.create({ id: "never", spec }, { timeoutMs: 300 }), BerthError);
  await daemon.start();
});

Deno.test({
  name:
    "Client.create, start, restart, stop, rename and delete are done once, whenever the daemon is killed under them",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    await using client = await connect({ socket: daemon.socket });
    const killedAt = async <T>(point: string, call: () => Promise<T>): Promise<T> => {
      failpoints.arm(`${point}=crash`);
      const answer = call();
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      return await within(`the call that was cut short at ${point}`, answer);
    };
    const ids: string[] = [];
    for (const point of ["bundle.record", "create.attached", "create.created"]) {
      const id = point;
      ids.push(id);
      const container = await killedAt(
        point,
        () => client.create({ id, spec: daemon.spec(["sh", "-c", "exit 7"]) }),
      );
      const pid = await killedAt("journal.append", () => container.start());
      assert.equal((await container.state()).pid, pid);
      assert.equal((await container.wait()).exitStatus, 7);
    }
    for (const [index, point] of ["delete.shim", "delete.publish", "bundle.remove"].entries()) {
      const container = client.container(ids[index] ?? "");
      assert.equal((await killedAt(point, () => container.delete())).exitStatus, 7);
    }
    assert.deepEqual(await client.list(), []);

    // What runs is stopped, and restarted, once.
    const web = await client.create({ id: "web", spec: daemon.spec(["sleep", "1000"]) });
    await web.start();
    for (const point of ["stop.record", "restart.stopped", "restart.made"]) {
      const { instance } = await web.state();
      const pid = await killedAt(point, () => web.restart({ graceMs: 0 }));
      const now = await web.state();
      assert.deepEqual([now.status, now.pid, now.lastExit?.exitStatus], ["running", pid, 137]);
      assert.notEqual(now.instance, instance, point);
      // The next daemon may still be about to say that it has finished the restart, and a restart by
      // then would be the same one. A start waits for that.
      assert.equal(await web.start(), pid);
    }
    for (const point of ["stop.record", "stop.signal"]) {
      const ended = await killedAt(point, () => web.stop({ graceMs: 0 }));
      assert.equal(ended.exitStatus, 137, point);
      await web.start();
    }
    await web.stop({ graceMs: 0 });
    let renamed = client.container(web.id);
    for (const point of ["delete.shim-deleted", "rename.recorded", "rename.published"]) {
      const { instance } = await renamed.state();
      renamed = await killedAt(point, () => renamed.rename(`web-${point}`));
      assert.equal((await renamed.state()).instance, instance, point);
    }
    assert.deepEqual((await client.list()).map(({ id }) => id), [renamed.id]);
    assert.equal((await renamed.delete()).exitStatus, 137);
    const { events } = await daemon.client.call("events.read", {});
    for (const id of ids) {
      const types = events.filter((event) => event.id === id).map(({ type }) => type);
      // A create that was undone has published nothing, or its end, too.
      assert.deepEqual(types.slice(-4), ["create", "start", "exit", "delete"], id);
      assert.equal(types.filter((type) => type === "start").length, 1);
    }
  },
});

Deno.test("Client.watchStats yields readings with CPU usage, across a restart", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("busy", ["sh", "-c", "while :; do :; done"]);
  await using client = await connect({ socket: daemon.socket });
  const signal = AbortSignal.timeout(2 * CALL_TIMEOUT_MS);
  let busy = 0;
  for await (const { containers } of client.watchStats({ intervalMs: 200, signal })) {
    if ((containers[0]?.cpuPercent ?? 0) === 0) continue;
    if (++busy === 2) break;
    await daemon.restart();
  }
  assert.equal(busy, 2);
});
