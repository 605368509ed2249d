// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { logLines } from "../harness/logs.ts";
import { until } from "../harness/poll.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { shutDown } from "../harness/reboot.ts";
import { createService } from "../harness/service.ts";
import { deleteAll, isRunning, service } from "./restart_testing.ts";

/** Ends all that runs and removes what a reboot does not leave. */
async function reboot(daemon: TestDaemon): Promise<void> {
  await shutDown(daemon);
  setBootId(daemon, crypto.randomUUID());
  await daemon.start();
}

/** Changes the boot in which containers with `autoRemove` were created, as far as berth knows. */
function setBootId(daemon: TestDaemon, bootId: string): void {
  const dir = `${daemon.root}/autoremove`;
  if (!existsSync(dir)) return;
  for (const { name } of Deno.readDirSync(dir)) {
    const record = JSON.parse(Deno.readTextFileSync(`${dir}/${name}`));
    Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify({ ...record, bootId }));
  }
}

Deno.test("reboot: always and unless-stopped come back, with their data", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await service(daemon, "always", { policy: "always" });
  await service(daemon, "unless", { policy: "unless-stopped" });
  await service(daemon, "stopped", { policy: "unless-stopped" });
  await service(daemon, "failure", { policy: "on-failure" });
  await service(daemon, "none", undefined);
  await createService(daemon, "created", "true", { restart: { policy: "always" } });
  await client.call("container.stop", { id: "stopped" });
  await client.call("container.update", {
    id: "always",
    resources: { pids: { limit: 99 } },
  });
  assert.equal(logLines(daemon, "unless").length, 1);
  await reboot(daemon);
  await daemon.untilState("always", isRunning);
  await daemon.untilState("unless", isRunning);
  await until("their logs", () => logLines(daemon, "unless").length === 2);
  const { bundle } = await daemon.stateOf("always");
  const spec = JSON.parse(Deno.readTextFileSync(`${bundle}/config.json`));
  assert.equal(spec.linux.resources.pids.limit, 99);
  const { containers } = await daemon.client.call("container.list", {});
  assert.deepEqual(containers.map(({ id, status }) => `${id} ${status}`), [
    "always running",
    "failure stopped",
    "stopped stopped",
    "unless running",
  ]);
  const failure = await daemon.stateOf("failure");
  assert.deepEqual([failure.exitStatus, failure.exitStatusUnknown, failure.shim], [
    137,
    true,
    "none",
  ]);
  // What has neither bundle nor shim is as any other that is stopped.
  await assert.rejects(
    daemon.client.call("container.kill", { id: "stopped", signal: "TERM" }),
    { kind: "NotFound" },
  );
  await assert.rejects(
    daemon.client.call("container.pause", { id: "stopped" }),
    { kind: "FailedPrecondition" },
  );
  assert.equal((await daemon.exitOf("stopped")).exitStatus, 0);
  await daemon.client.call("container.start", { id: "stopped" });
  await daemon.untilState("stopped", isRunning);
  // When it was first known stays.
  await daemon.restart();
  const later = await daemon.stateOf("failure");
  assert.deepEqual([later.exitedAt, later.exitStatusUnknown], [failure.exitedAt, true]);
  await deleteAll(daemon, ["always", "failure", "stopped", "unless"]);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)].map(({ name }) => name).sort(), [
    "created",
    "none",
  ]);
});

Deno.test({
  name: "reboot: no more than eight containers are started at a time",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const ids = Array.from({ length: 10 }, (_, index) => `web${index}`);
    for (const id of ids) {
      await createService(daemon, id, "exec sleep 1000", { restart: { policy: "always" } });
      await daemon.client.call("container.start", { id });
    }
    await shutDown(daemon);
    // The first eight are held up, and the others wait for one of them.
    const HELD_MS = 3000;
    failpoints.arm(`restart.begin=8*delay:${HELD_MS}->off`);
    await daemon.start();
    for (const id of ids) await daemon.untilState(id, isRunning);
    const { events } = await daemon.client.call("events.read", {});
    const firstOf = (type: string) =>
      Date.parse(events.find((event) => event.type === type)?.timestamp ?? "");
    const held = firstOf("start") - firstOf("restarting");
    // Two clocks are read.
    assert.ok(held >= HELD_MS - 100, `the first was started after ${held} ms`);
    await deleteAll(daemon, ids);
  },
});

Deno.test("reboot: nothing is left of a container with autoRemove", async () => {
  await using daemon = await TestDaemon.start();
  const dir = `${daemon.root}/overlay/once/own`;
  Deno.mkdirSync(`${dir}/upper`, { recursive: true });
  const more = { autoRemove: true, removeDirs: [dir] };
  await createService(daemon, "once", "echo ran; sleep 1000", more);
  await daemon.client.call("container.start", { id: "once" });
  await daemon.restart();
  assert.equal((await daemon.stateOf("once")).status, "running");
  await reboot(daemon);
  for (const kind of ["overlay", "logs", "autoremove"]) {
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${kind}`)], [], kind);
  }
  assert.match(daemon.log, /once: removed its files, which the reboot had left/);
});
