// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { SIGTERM } from "../../src/linux/process/signals.ts";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { hasTrap } from "../harness/processes.ts";
import { createService, isOver } from "../harness/service.ts";

/** Waits until it is told to, takes note that it ran, and fails. */
const SCRIPT = "until test -e /mnt/go; do sleep 0.05; done; echo ran >> /mnt/runs; exit 3";

/** Every step between the exit of a container and the end of its restart. */
const STEPS = [
  "restart.decide",
  "definition.write",
  "restart.decided",
  "restart.begin",
  "delete.shim",
  "delete.shim-deleted",
  "delete.detached",
  "delete.publish",
  "bundle.remove",
  "bundle.removing",
  "restart.rested",
  "bundle.record",
  "create.attach",
  "create.attached",
  "create.created",
  "restart.made",
  "restart.started",
];

/** Steps of a restart by hand, the time that is given to the container, and its policy. */
const RESTART_STEPS = [
  ["stop.begin", 0.2, undefined],
  ["stop.record", 0.2, undefined],
  ["stop.signal", 0.2, { policy: "unless-stopped" }],
  ["stop.signal", -1, undefined],
  ["restart.stopped", 0.2, undefined],
] as const;

Deno.test({
  name: "container.start: a daemon that dies at any step of a restart leaves it to the next, once",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    for (const step of STEPS) {
      const id = step.replace(".", "-");
      const mnt = await createService(daemon, id, SCRIPT, {
        restart: { policy: "on-failure", maxRetries: 1 },
      });
      await daemon.client.call("container.start", { id });
      failpoints.arm(`${step}=crash`);
      Deno.writeTextFileSync(`${mnt}/go`, "");
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      const state = await daemon.untilState(id, (now) => isOver(now) && now.restartCount === 1);
      assert.equal(Deno.readTextFileSync(`${mnt}/runs`), "ran\nran\n", step);
      assert.equal(state.lastExit?.exitStatus, 3, step);
      await daemon.client.call("container.delete", { id });
    }
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  },
});

Deno.test({
  name: "container.create: a definition that its daemon does not live to write leaves nothing half",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const definitions = () => Array.from(Deno.readDirSync(`${daemon.root}/containers`));
    const dies = async (point: string, call: () => Promise<unknown>) => {
      failpoints.arm(`${point}=crash`);
      await assert.rejects(call());
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
    };
    const id = "c";
    const create = () =>
      createService(daemon, id, "echo ran >> /mnt/runs", { restart: { policy: "on-failure" } });
    const start = () => daemon.client.call("container.start", { id });
    const stopped = () => daemon.untilState(id, ({ status }) => status === "stopped");

    await dies("definition.record", create);
    assert.deepEqual(definitions(), []);
    assert.deepEqual(await daemon.containerIds(), []);
    const mnt = await create();
    await dies("definition.write", start);
    await daemon.connected(id);
    const { status } = await daemon.stateOf(id);
    assert.equal(status, "created");
    await start();
    await stopped();
    await daemon.client.call("container.delete", { id });

    // Without a policy it is defined when it is started again.
    await createService(daemon, id, "echo ran >> /mnt/runs");
    await start();
    await stopped();
    await dies("definition.record", start);
    assert.deepEqual(definitions(), []);
    await daemon.connected(id);
    await stopped();
    await start();
    await stopped();
    assert.equal(Deno.readTextFileSync(`${mnt}/runs`), "ran\n".repeat(3));
    await daemon.client.call("container.delete", { id });
    assert.deepEqual(definitions(), []);
  },
});

Deno.test({
  name: "container.restart: a daemon that dies behind the stop leaves the restart to the next one",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    for (const [step, timeout, restart] of RESTART_STEPS) {
      const id = `${step.replace(".", "-")}${timeout}`;
      const script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
      await createService(daemon, id, script, restart === undefined ? {} : { restart });
      const { pid } = await daemon.client.call("container.start", { id });
      // Without its trap it would ignore the signal, and be waited for without end.
      await until("its trap", () => hasTrap(pid, SIGTERM));
      failpoints.arm(`${step}=crash`);
      await assert.rejects(daemon.client.call("container.restart", { id, timeout }));
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      const state = await daemon.untilState(
        id,
        (now) => now.status === "running" && now.pid !== pid && now.restartingAt === undefined,
      );
      const events = await until(`the second start after ${step}`, async () => {
        const read = await daemon.client.call("events.read", { ids: [id], types: ["start"] });
        return read.events.length > 1 && read.events;
      });
      assert.equal(events.length, 2, step);
      // A policy is as it was, and there is no definition without one.
      assert.equal(existsSync(`${daemon.root}/containers/${id}`), restart !== undefined, step);
      Deno.kill(state.pid, "SIGKILL");
      await daemon.untilState(
        id,
        (now) => restart === undefined ? now.status === "stopped" : now.restartCount === 1,
      );
      await daemon.remove(id);
    }
  },
});

Deno.test({
  name: "container.delete: one that its daemon does not outlive is never undone by a restart",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    for (
      const step of ["delete.shim", "delete.shim-deleted", "delete.publish", "bundle.removing"]
    ) {
      const id = step.replace(".", "-");
      await createService(daemon, id, "sleep 1000", { restart: { policy: "always" } });
      await daemon.client.call("container.start", { id });
      failpoints.arm(`${step}=crash`);
      await assert.rejects(daemon.remove(id));
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      try {
        await daemon.connected(id);
        const { status, restart } = await daemon.stateOf(id);
        assert.deepEqual([status, restart], ["stopped", undefined], step);
        await daemon.client.call("container.delete", { id });
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
      }
      const { events } = await daemon.client.call("events.read", { ids: [id], types: ["create"] });
      assert.equal(events.length, 1, step);
    }
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  },
});

Deno.test({
  name:
    "container.create: with autoRemove the next daemon removes what has exited, with its log and directories",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    for (
      const step of ["autoremove.begin", "delete.shim-deleted", "delete.publish", "bundle.removing"]
    ) {
      const id = step.replace(".", "-");
      const dir = `${daemon.root}/overlay/${id}/own`;
      Deno.mkdirSync(`${dir}/upper`, { recursive: true });
      const mnt = await createService(daemon, id, SCRIPT, { autoRemove: true, removeDirs: [dir] });
      await daemon.client.call("container.start", { id });
      failpoints.arm(`${step}=crash`);
      Deno.writeTextFileSync(`${mnt}/go`, "");
      await daemon.exited();
      failpoints.disarm();
      await daemon.start();
      await daemon.untilEmpty();
      assert.deepEqual([...Deno.readDirSync(`${daemon.root}/overlay`)], [], step);
      assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], [], step);
    }
  },
});
