// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError, ResourceExhaustedError } from "../../src/rpc/errors.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { deleteUntilGone } from "../harness/delete_until_gone.ts";
import { historyOf } from "../harness/events.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";

const ignore = NO_FAILPOINTS;

const CREATE = ["reserve", "mount", "stdio", "runtime", "claim", "created"];
const DELETE = ["runtime", "unmount", "stdio", "deleted", "execs"];

/** A daemon whose failpoints can be armed. */
interface Armed {
  readonly daemon: TestDaemon;
  readonly points: FailpointFile;
}

/**
 * Runs `body` with a daemon whose failpoints can be armed and which keeps no idle shims. Nothing may be
 * left afterwards.
 */
async function withArmedDaemon(body: (armed: Armed) => Promise<void>, config = ""): Promise<void> {
  using points = new FailpointFile();
  await using daemon = await TestDaemon.start({
    env: points.env,
    config: `${COLD}${config}`,
  });
  const audit = await LeakAudit.warm(daemon);
  await body({ daemon, points });
  await audit.assertClean();
}

function test(name: string, body: (armed: Armed) => Promise<void>, config = ""): void {
  Deno.test({ name, ignore, fn: () => withArmedDaemon(body, config) });
}

/** Creates a container whose rootfs is mounted. */
function create(daemon: TestDaemon, id: string, args: string[]) {
  return daemon.client.call("container.create", {
    id,
    spec: daemon.spec(args),
    rootfs: [{ type: "bind", source: rootfsDir(), options: ["bind", "ro"] }],
  });
}

function typesOf(events: readonly Event[]): string {
  return events.map(({ type }) => type).join(" ");
}

test("container.create: a shim that is killed at any step leaves nothing, and the id is free", async ({ daemon, points }) => {
  for (const point of [...CREATE, "publish"]) {
    points.arm(`shim.create.${point}=crash`);
    await assert.rejects(create(daemon, "c", ["true"]), BerthError, point);
    points.disarm();
    await until(`the id is free after ${point}`, async () => {
      try {
        await create(daemon, "c", ["sh", "-c", "exit 3"]);
        return true;
      } catch (error) {
        if (error instanceof BerthError) return undefined;
        throw error;
      }
    });
    await daemon.client.call("container.start", { id: "c" });
    const { exitStatus } = await daemon.exitOf("c");
    assert.equal(exitStatus, 3, point);
    await daemon.client.call("container.delete", { id: "c" });
  }
});

test("container.create: a step for which the disk is full, or no file can be opened, leaves nothing, and can be repeated", async ({ daemon, points }) => {
  for (const point of CREATE) {
    for (const code of ["ENOSPC", "EMFILE", "ENFILE"]) {
      const what = `${point} ${code}`;
      points.arm(`shim.create.${point}=1*fail:${code}`);
      await assert.rejects(create(daemon, "c", ["true"]), ResourceExhaustedError, what);
      points.disarm();
      await create(daemon, "c", ["true"]);
      await daemon.remove("c");
    }
  }
});

test("container.delete: a shim that is killed at any step changes neither status nor events", async ({ daemon, points }) => {
  for (const point of DELETE) {
    const id = `c-${point}`;
    await create(daemon, id, ["sh", "-c", "exit 5"]);
    await daemon.client.call("container.start", { id });
    await daemon.exitOf(id);
    points.arm(`shim.delete.${point}=crash`);
    const first = daemon.client.call("container.delete", { id });
    const [result] = await Promise.allSettled([first]);
    points.disarm();
    if (result?.status === "rejected") await deleteUntilGone(daemon, id);
    const events = await historyOf(daemon, id);
    assert.equal(typesOf(events), "create start exit delete", point);
    assert.deepEqual(events.slice(2).map(({ exitStatus }) => exitStatus), [5, 5], point);
  }
});

test("container.delete: a step that fails can be repeated, with the same status", async ({ daemon, points }) => {
  const steps = DELETE.flatMap((point) =>
    ["EMFILE", "ENFILE"].map((code) => [point, code] as const)
  );
  for (const [point, code] of steps) {
    const id = `c-${point}-${code}`;
    await create(daemon, id, ["sh", "-c", "exit 6"]);
    await daemon.client.call("container.start", { id });
    await daemon.exitOf(id);
    points.arm(`shim.delete.${point}=1*fail:${code}`);
    await assert.rejects(
      daemon.client.call("container.delete", { id }),
      ResourceExhaustedError,
      point,
    );
    assert.equal(await deleteUntilGone(daemon, id), 6, point);
    assert.equal(typesOf(await historyOf(daemon, id)), "create start exit delete", point);
  }
});

Deno.test({
  name:
    "shim failpoints: exit: a shim that is killed on its way loses none, and a recorded status is the true one",
  ignore,
  async fn() {
    for (const onDeath of ["kill", "adopt"]) {
      await withArmedDaemon(async ({ daemon, points }) => {
        for (const point of ["exit.record", "exit.recorded", "exit.publish", "start.publish"]) {
          const what = `${point} ${onDeath}`;
          const id = `c-${point}`;
          await create(daemon, id, ["sh", "-c", "exit 7"]);
          // Once: the shim that takes over would meet it as well.
          points.arm(`shim.${point}=crash`);
          await daemon.client.call("container.start", { id }).catch((error) => {
            if (!(error instanceof BerthError)) throw error;
          });
          await until(`the shim is gone at ${what}`, async () => {
            const { containers } = await daemon.client.call("container.list", {});
            const found = containers.find((container) => container.id === id);
            return found === undefined || found.status === "stopped" ? true : undefined;
          });
          points.disarm();
          await deleteUntilGone(daemon, id);
          const events = await historyOf(daemon, id);
          const exits = events.filter(({ type }) => type === "exit");
          assert.equal(exits.length, 1, what);
          if (point === "exit.recorded" || point === "exit.publish") {
            assert.equal(exits[0]?.exitStatus, 7, what);
          }
        }
      }, `on_death = "${onDeath}"\n`);
    }
  },
});

test(
  "container.start: a shim that is killed before it tells of a start leaves one that runs, told once",
  async ({ daemon, points }) => {
    await create(daemon, "c", ["sleep", "1000"]);
    const { shimPid } = await daemon.stateOf("c");
    points.arm("shim.start.publish=crash");
    await assert.rejects(daemon.client.call("container.start", { id: "c" }), BerthError);
    await daemon.nextShim("c", shimPid);
    points.disarm();
    await daemon.untilState("c", ({ status }) => status === "running");
    assert.equal(await deleteUntilGone(daemon, "c"), 137);
    assert.equal(typesOf(await historyOf(daemon, "c")), "create start exit delete");
  },
  'on_death = "adopt"\n',
);

test("container.start: an exit that comes before the start is told is told after it", async ({ daemon, points }) => {
  points.arm("shim.start.publish=delay:300");
  await daemon.run("c", ["sh", "-c", "exit 4"]);
  assert.equal((await daemon.exitOf("c")).exitStatus, 4);
  await daemon.client.call("container.delete", { id: "c" });
  const events = await historyOf(daemon, "c");
  assert.equal(typesOf(events), "create start exit delete");
  const times = events.map(({ timestamp }) => timestamp);
  assert.deepEqual(times, times.toSorted());
});

test(
  "shim.ack: a shim that is killed by an acknowledgement has told each event once",
  async ({ daemon, points }) => {
    await create(daemon, "c", ["sleep", "1000"]);
    await daemon.client.call("container.start", { id: "c" });
    const { shimPid } = await daemon.stateOf("c");
    points.arm("shim.ack=crash");
    // Not every event is acknowledged at once.
    for (let count = 0; count < 40; count++) {
      const call = count % 2 === 0 ? "container.pause" : "container.resume";
      const [result] = await Promise.allSettled([daemon.client.call(call, { id: "c" })]);
      if (result?.status === "rejected") break;
    }
    await daemon.nextShim("c", shimPid);
    points.disarm();
    assert.equal(await deleteUntilGone(daemon, "c"), 137);
    const types = (await historyOf(daemon, "c")).map(({ type }) => type);
    assert.deepEqual(types.slice(0, 2), ["create", "start"]);
    assert.deepEqual(types.slice(-2), ["exit", "delete"]);
    types.slice(2, -2).forEach((type, index) =>
      assert.equal(type, index % 2 === 0 ? "paused" : "resumed", types.join())
    );
  },
  'on_death = "adopt"\n',
);

test("shim failpoints: a shim waits longer than half a minute for the create of a busy daemon", async ({ daemon, points }) => {
  points.arm("create.attached=delay:31000");
  await daemon.run("slow", ["sleep", "1000"]);
  points.disarm();
  await daemon.remove("slow");
});
