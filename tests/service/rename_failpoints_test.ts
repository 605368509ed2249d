// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { processStat } from "../../src/linux/process/stat.ts";
import { cli, ok } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { containerFiles } from "../harness/files.ts";
import { until } from "../harness/poll.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { shutDown } from "../harness/reboot.ts";
import { createService } from "../harness/service.ts";
import { assertWhole, hasRun, makeStopped } from "./rename_testing.ts";

/** Every step of a rename at which its daemon may die, once its container has nothing but files. */
const STEPS = [
  "rename.recorded",
  "rename.moved",
  "1*off->rename.moved",
  "definition.record",
  "rename.defined",
  "rename.forgotten",
  "rename.publish",
  "rename.published",
];

Deno.test({
  name: "container.rename: a delete, a start and a create that come meanwhile know one id or none",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const mnt = await createService(daemon, "a", "echo ran >>/mnt/runs");
    await client.call("container.start", { id: "a" });
    await daemon.exitOf("a");
    failpoints.arm("delete.shim=delay:1500");
    const renamed = client.call("container.rename", { id: "a", newId: "b" });
    const meanwhile = await Promise.allSettled([
      client.call("container.delete", { id: "a" }),
      daemon.remove("a"),
      client.call("container.start", { id: "a" }),
      client.call("container.rename", { id: "a", newId: "c" }),
      client.call("container.create", { id: "b", spec: daemon.spec(["true"]) }),
    ]);
    await renamed;
    assert.deepEqual(
      meanwhile.map((one) => one.status === "rejected" ? one.reason.kind : one.value),
      ["NotFound", "NotFound", "NotFound", "NotFound", "AlreadyExists"],
    );
    failpoints.disarm();
    assert.deepEqual(await daemon.containerIds(), ["b"]);
    await client.call("container.start", { id: "b" });
    await daemon.exitOf("b");
    assert.equal(Deno.readTextFileSync(`${mnt}/runs`), "ran\nran\n");
    await client.call("container.delete", { id: "b" });
  },
});

Deno.test({
  name:
    "container.rename: a daemon that dies at any step leaves it to the next, which tells it once",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    await makeStopped(daemon, "web");
    let [from, to] = ["web", "web-old"];
    let runs = 1;
    // Before there is a record it is still the old id's.
    for (const step of ["delete.shim-deleted", "bundle.removing", "rename.rested"]) {
      failpoints.arm(`${step}=crash`);
      const lost = daemon.client.call("container.rename", { id: from, newId: to });
      await Promise.all([assert.rejects(lost), daemon.exited()]);
      failpoints.disarm();
      await daemon.start();
      await daemon.untilState(from, ({ status }) => status === "stopped");
      assert.deepEqual(await daemon.containerIds(), [from], step);
      // With a shim and a bundle again.
      await daemon.client.call("container.start", { id: from });
      await hasRun(daemon, from, ++runs);
      await daemon.client.call("container.stop", { id: from, timeout: 60 });
    }
    const { instance } = await daemon.stateOf(from);
    for (const step of STEPS) {
      const [first, point] = step.includes("->") ? step.split("->") : ["", step];
      failpoints.arm(`${point}=${first === "" ? "" : `${first}->`}crash`);
      const lost = daemon.client.call("container.rename", { id: from, newId: to });
      await Promise.all([assert.rejects(lost), daemon.exited()]);
      failpoints.disarm();
      await daemon.start();
      assert.deepEqual(await daemon.containerIds(), [to], step);
      const after = await daemon.stateOf(to);
      assert.deepEqual([after.status, after.instance, after.exitStatus], ["stopped", instance, 3]);
      const files = containerFiles(daemon);
      assert.deepEqual(files.filter((path) => !path.endsWith(`/${to}`)), [], step);
      assert.equal(files.length, 6, step);
      const { events } = await daemon.client.call("events.read", { types: ["renamed"] });
      assert.equal(events.filter(({ newId, id }) => newId === to && id === from).length, 1, step);
      [from, to] = [to, `${to.replace(/-\d+$/, "")}-${STEPS.indexOf(step)}`];
    }
    await assertWhole(daemon, from, runs + 1);
    await ok(daemon, "rm", "-f", from);
    assert.deepEqual(containerFiles(daemon), []);
  },
});

Deno.test({
  name:
    "container.rename: what cannot be written is taken back, and a reboot in its middle loses nothing",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    await makeStopped(daemon, "web");
    let files: string[] | undefined;
    for (
      const point of ["rename.recorded", "rename.moved", "definition.record", "rename.defined"]
    ) {
      failpoints.arm(`${point}=fail:ENOSPC`);
      await assert.rejects(daemon.client.call("container.rename", { id: "web", newId: "x" }), {
        kind: "ResourceExhausted",
      }, point);
      failpoints.disarm();
      files ??= containerFiles(daemon);
      assert.deepEqual(containerFiles(daemon), files, point);
      assert.deepEqual(files.filter((path) => !path.endsWith("/web")), [], point);
      assert.deepEqual(await daemon.containerIds(), ["web"], point);
    }
    await daemon.restart();
    assert.deepEqual(await daemon.containerIds(), ["web"]);

    failpoints.arm("rename.moved=1*off->stop");
    const lost = daemon.client.call("container.rename", { id: "web", newId: "x" });
    await until("the middle of the rename", () => processStat(daemon.pid)?.state === "T");
    failpoints.disarm();
    await Promise.all([assert.rejects(lost), shutDown(daemon)]);
    await daemon.start();
    assert.deepEqual(await daemon.containerIds(), ["x"]);
    await assertWhole(daemon, "x", 2);
    await ok(daemon, "rm", "-f", "x");
    assert.deepEqual(containerFiles(daemon), []);
  },
});

Deno.test({
  name:
    "container.rename: what is neither done nor taken back is left alone until a daemon finishes it",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    await makeStopped(daemon, "web");
    const left = { kind: "FailedPrecondition", message: /web: its rename to x has failed/ };
    failpoints.arm("rename.defined=fail:ENOSPC,rename.take-back=fail:EIO");
    await assert.rejects(daemon.client.call("container.rename", { id: "web", newId: "x" }), left);
    const assertLeftAlone = async () => {
      const { client } = daemon;
      assert.deepEqual(await daemon.containerIds(), ["web"]);
      await assert.rejects(client.call("container.start", { id: "web" }), left);
      await assert.rejects(daemon.remove("web"), left);
      await assert.rejects(client.call("container.rename", { id: "web", newId: "x" }), left);
      await assert.rejects(client.call("container.rename", { id: "web", newId: "y" }), left);
      const spec = daemon.spec(["true"]);
      await assert.rejects(client.call("container.create", { id: "x", spec }), left);
      const { code, stderr } = await cli(daemon, ["rm", "--force", "x"]);
      assert.deepEqual([code, stderr], [125, "berth: no container x\n"]);
    };
    await assertLeftAlone();
    await daemon.restart();
    await assertLeftAlone();
    failpoints.disarm();
    await daemon.restart();
    assert.deepEqual(await daemon.containerIds(), ["x"]);
    await assertWhole(daemon, "x", 2);
    await ok(daemon, "rm", "-f", "x");
    assert.deepEqual(containerFiles(daemon), []);
  },
});

Deno.test({
  name: "container.rename: a daemon tells what the journal of the one before has not taken",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    await createService(daemon, "a", "true");
    await daemon.client.call("container.start", { id: "a" });
    await daemon.exitOf("a");
    failpoints.arm("journal.append=fail:ENOSPC");
    await daemon.client.call("container.rename", { id: "a", newId: "b" });
    // Its plan would be taken for this one's.
    for (const newId of ["a", "c"]) {
      await assert.rejects(daemon.client.call("container.rename", { id: "b", newId }), {
        kind: "ResourceExhausted",
        message: /the journal has not taken yet that a container was renamed to b/,
      });
    }
    await daemon.kill9();
    failpoints.disarm();
    await daemon.start();
    const { client } = daemon;
    await client.call("container.rename", { id: "b", newId: "c" });
    const { events } = await client.call("events.read", { types: ["renamed"] });
    assert.deepEqual(events.map(({ id, newId }) => [id, newId]), [["a", "b"], ["b", "c"]]);
    await client.call("container.delete", { id: "c" });
    assert.deepEqual(containerFiles(daemon), []);
  },
});
