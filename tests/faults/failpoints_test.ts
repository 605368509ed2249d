// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";

const CREATE = [
  "bundle.record",
  "create.attach",
  "create.attached",
  "journal.append",
  "journal.appended",
  "create.created",
  "cgroup.record",
];
const DELETE = [
  "delete.shim",
  "delete.shim-deleted",
  "delete.detached",
  "delete.unmounted",
  "delete.publish",
  "journal.append",
  "journal.appended",
  "bundle.remove",
  "bundle.removing",
];
const CLEANUP = [
  "cleanup.shim-killed",
  "cleanup.runtime-deleted",
  "delete.unmounted",
  "delete.publish",
  "bundle.remove",
];

/** Nothing is known of the container any more, and its events tell a whole life, or none. */
async function assertGone(daemon: TestDaemon, id: string): Promise<void> {
  await until(`${id} to be gone`, async () => {
    try {
      await daemon.remove(id);
      return false;
    } catch (error) {
      return error instanceof NotFoundError;
    }
  });
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await daemon.life(`after-${id}`);
  await events.wait({ type: "delete", id: `after-${id}` });
  const types = events.events.filter((event) => event.id === id).map(({ type }) => type);
  if (types.length > 0) assert.equal(types.at(-1), "delete", types.join());
  assertHistory(events.events);
}

async function setUp() {
  const failpoints = new FailpointFile();
  const daemon = await TestDaemon.start({ env: failpoints.env });
  await daemon.life("before");
  return { daemon, failpoints, audit: LeakAudit.take(daemon) };
}

/** Waits for the daemon's death at a point, and starts it again without that. */
async function restart(daemon: TestDaemon, failpoints: FailpointFile): Promise<void> {
  const { signal } = await daemon.exited();
  assert.equal(signal, "SIGKILL");
  failpoints.disarm();
  await daemon.start();
}

for (const point of CREATE) {
  Deno.test({
    name: `container.create, killed at ${point}: nothing is left, or a container that works`,
    ignore: NO_FAILPOINTS,
    fn: async () => {
      const { daemon, failpoints, audit } = await setUp();
      await using _daemon = daemon;
      using _failpoints = failpoints;
      failpoints.arm(`${point}=crash`);
      const spec = daemon.spec(["sleep", "1000"]);
      const created = daemon.client.call("container.create", { id: "c", spec });
      // The cgroup is recorded after the answer.
      const outcome = created.then(() => "created", () => "cut");
      await restart(daemon, failpoints);
      await outcome;
      await assertGone(daemon, "c");
      await audit.assertClean();
    },
  });
}

Deno.test({
  name: "container.wait: a create that was cut short and is being removed ends the wait for it",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    const { daemon, failpoints, audit } = await setUp();
    await using _daemon = daemon;
    using _failpoints = failpoints;
    failpoints.arm("create.attach=crash");
    const spec = daemon.spec(["true"]);
    const created = daemon.client.call("container.create", { id: "c", spec }).catch(() => {});
    await daemon.exited();
    await created;
    // The removal waits for the client.
    failpoints.arm("cleanup.shim-killed=1*delay:2000");
    await daemon.start();
    const wait = daemon.client.call("container.wait", { id: "c" }, { timeoutMs: CALL_TIMEOUT_MS });
    await assert.rejects(wait, NotFoundError);
    await assertGone(daemon, "c");
    await audit.assertClean();
  },
});

for (const point of DELETE) {
  Deno.test({
    name: `container.delete, killed at ${point}: it is deleted, with its true status`,
    ignore: NO_FAILPOINTS,
    fn: async () => {
      const { daemon, failpoints, audit } = await setUp();
      await using _daemon = daemon;
      using _failpoints = failpoints;
      await daemon.run("c", ["sh", "-c", "exit 7"]);
      await daemon.exitOf("c");
      failpoints.arm(`${point}=crash`);
      const outcome = daemon.client.call("container.delete", { id: "c" }).catch(() => {});
      await restart(daemon, failpoints);
      await outcome;
      await assertGone(daemon, "c");
      using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
      const deleted = await events.wait({ type: "delete", id: "c" });
      assert.equal(deleted.exitStatus, 7);
      events[Symbol.dispose]();
      await audit.assertClean();
    },
  });
}

for (const point of CLEANUP) {
  Deno.test({
    name:
      `failpoints: the removal of what a killed shim left, killed at ${point}: it is gone on with`,
    ignore: NO_FAILPOINTS,
    fn: async () => {
      const { daemon, failpoints, audit } = await setUp();
      await using _daemon = daemon;
      using _failpoints = failpoints;
      await daemon.run("c", ["sleep", "1000"]);
      const { shimPid } = await daemon.stateOf("c");
      failpoints.arm(`${point}=crash`);
      Deno.kill(shimPid, "SIGKILL");
      await restart(daemon, failpoints);
      await assertGone(daemon, "c");
      await audit.assertClean();
    },
  });
}

for (const point of ["bundle.record", "journal.append", "cgroup.record"]) {
  Deno.test({
    name: `failpoints: a disk that is full at ${point} loses no event and leaves nothing`,
    ignore: NO_FAILPOINTS,
    fn: async () => {
      const { daemon, failpoints, audit } = await setUp();
      await using _daemon = daemon;
      using _failpoints = failpoints;
      failpoints.arm(`${point}=1*fail:ENOSPC`);
      const spec = daemon.spec(["true"]);
      const failed = await daemon.client.call("container.create", { id: "c", spec })
        .then(() => undefined, (error) => error);
      assert.equal(failed?.kind, point === "bundle.record" ? "ResourceExhausted" : undefined);
      if (failed === undefined) {
        await daemon.client.call("container.start", { id: "c" });
        assert.equal((await daemon.exitOf("c")).exitStatus, 0);
        await daemon.client.call("container.delete", { id: "c" });
      }
      await assertGone(daemon, "c");
      await audit.assertClean();
    },
  });
}
