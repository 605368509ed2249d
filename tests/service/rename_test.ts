// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { containerFiles } from "../harness/files.ts";
import { processStat } from "../../src/linux/process/stat.ts";
import { FailedPreconditionError } from "../../src/rpc/errors.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { until } from "../harness/poll.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { shutDown } from "../harness/reboot.ts";
import { logLines } from "../harness/logs.ts";
import { createService } from "../harness/service.ts";

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

/** Returns what a container of {@linkcode makeStopped} has written when it has run so many times. */
function output(runs: number): string {
  return Array.from({ length: runs }, (_, run) => `${run + 1}\n`).join("");
}

/** Waits until a container has run so many times, and can be stopped. */
async function hasRun(daemon: TestDaemon, id: string, runs: number): Promise<void> {
  await until(`run ${runs} of ${id}`, async () => await ok(daemon, "logs", id) === output(runs));
}

/** Starts a container with all that a command line makes, and stops it when it has run. */
async function makeStopped(daemon: TestDaemon, id: string): Promise<void> {
  const script = "trap 'exit 3' TERM; echo x >>/runs; wc -l </runs; while :; do sleep 0.05; done";
  await ok(
    daemon,
    ...["run", "-d", "-i", "--name", id, "--overlay", "-v", "/data"],
    ...["--restart", "unless-stopped", "--label", "app=shop", ...rootfsArgs(daemon)],
    ...["--", "sh", "-c", script],
  );
  await hasRun(daemon, id, 1);
  await ok(daemon, "exec", id, "sh", "-c", "echo kept >/data/file");
  await ok(daemon, "stop", id);
}

/** Shows that the container goes on under its new id with all that it had, and leaves nothing. */
async function assertWhole(daemon: TestDaemon, id: string, runs: number): Promise<void> {
  await ok(daemon, "start", id);
  await hasRun(daemon, id, runs);
  assert.equal(await ok(daemon, "exec", id, "cat", "/data/file"), "kept\n");
  assert.match(await ok(daemon, "exec", id, "cat", "/etc/hosts"), /web/);
}

Deno.test("berth rename: the container keeps its files, log, policy and exit; the old id is free", async () => {
  await using daemon = await TestDaemon.start();
  await makeStopped(daemon, "web");
  const before = await daemon.stateOf("web");
  using watcher = await EventCollector.subscribe(daemon.socket, { ids: ["web-old"] });
  await ok(daemon, "rename", "web", "web-old");
  const after = await daemon.stateOf("web-old");
  assert.deepEqual(
    [after.instance, after.createdAt, after.status, after.exitStatus, after.exitedAt],
    [before.instance, before.createdAt, "stopped", 3, before.exitedAt],
  );
  assert.deepEqual([after.restart, after.labels["app"]], [before.restart, "shop"]);
  await assert.rejects(daemon.stateOf("web"), { kind: "NotFound" });
  const renamed = await watcher.wait({ type: "renamed" });
  assert.deepEqual(
    [renamed.id, renamed.newId, renamed.instance, renamed.labels?.["app"]],
    ["web", "web-old", before.instance, "shop"],
  );
  assert.deepEqual(containerFiles(daemon).filter((path) => !path.endsWith("/web-old")), []);
  // What is about containers that are gone is not about this.
  assert.doesNotMatch(await ok(daemon, "prune", "--force"), /web/);

  // Another container has the id by now, and its own of everything.
  await makeStopped(daemon, "web");
  await assertWhole(daemon, "web-old", 2);
  await daemon.restart();
  assert.equal((await ok(daemon, "ps", "-a", "-q")).split("\n").sort().join(" "), " web web-old");
  await ok(daemon, "stop", "web-old");
  await ok(daemon, "rm", "web-old");
  assert.equal(await ok(daemon, "logs", "web"), output(1));
  await assertWhole(daemon, "web", 2);
  await ok(daemon, "rm", "-f", "web");
  assert.deepEqual(containerFiles(daemon), []);
});

Deno.test("container.rename of a container without a policy: it runs, is renamed back and is deleted", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await createService(daemon, "a", "echo ran; exit 7");
  await client.call("container.start", { id: "a" });
  await daemon.exitOf("a");
  const { instance } = await daemon.stateOf("a");
  await client.call("container.rename", { id: "a", newId: "b", instance });
  assert.equal((await daemon.exitOf("b")).exitStatus, 7);
  await client.call("container.rename", { id: "b", newId: "a" });
  await client.call("container.start", { id: "a" });
  await daemon.exitOf("a");
  await client.call("container.rename", { id: "a", newId: "b" });
  assert.deepEqual(logLines(daemon, "b"), ["ran", "ran"]);
  assert.equal((await client.call("container.delete", { id: "b" })).exitStatus, 7);
  const { events } = await client.call("events.read", { ids: ["a", "b"] });
  assert.deepEqual(events.map(({ type, id, newId }) => [type, id, newId].join(" ").trim()), [
    ...["create a", "start a", "exit a", "renamed a b", "renamed b a"],
    ...["create a", "start a", "exit a", "renamed a b", "delete b"],
  ]);
  assert.deepEqual(containerFiles(daemon), []);
});

Deno.test("container.rename is refused for what runs, is created, goes by itself, or would lose its id", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const refused = async (id: string, newId: string, kind: string, message: RegExp) => {
    await assert.rejects(client.call("container.rename", { id, newId }), { kind, message });
  };
  await refused("none", "b", "NotFound", /no container none/);
  const mnt = await createService(
    daemon,
    "a",
    "until test -e /mnt/go; do sleep 0.05; done; exit 3",
    {
      restart: { policy: "on-failure" },
    },
  );
  await refused("a", "b", "FailedPrecondition", /is created: it can be renamed once it has run/);
  await client.call("container.start", { id: "a" });
  await refused("a", "b", "FailedPrecondition", /is running: stop it first/);
  await refused("a", "a", "InvalidParams", /the new id is the old one/);
  await refused("a", "../b", "InvalidParams", /newId/);
  await createService(daemon, "taken", "true");
  await refused("a", "taken", "AlreadyExists", /container taken exists already/);
  const former = `${daemon.root}/logs/former.log`;
  const spec = daemon.spec(["true"]);
  await client.call("container.create", { id: "former", spec, stdout: `file://${former}` });
  await refused("former", "b", "FailedPrecondition", /its log .* is that of a berth before 0\.2/);
  await client.call("container.delete", { id: "former" });
  // A run that fails at once, and waits longer and longer for its next run.
  Deno.writeTextFileSync(`${mnt}/go`, "");
  await until("a refusal while it waits for its next run", async () => {
    try {
      await client.call("container.rename", { id: "a", newId: "b" });
    } catch (error) {
      assert(error instanceof FailedPreconditionError);
      return error.message.endsWith("a is being restarted: stop it first");
    }
    throw new Error("a container that is being restarted was renamed");
  });
  await client.call("container.stop", { id: "a" });
  await assert.rejects(
    client.call("container.rename", { id: "a", newId: "b", instance: "another" }),
    { kind: "NotFound" },
  );
  await client.call("container.rename", { id: "a", newId: "b" });
  await client.call("container.delete", { id: "b" });
  await client.call("container.delete", { id: "taken" });

  const { code, stderr } = await cli(daemon, ["rename", "none", "b"]);
  assert.deepEqual([code, stderr], [125, "berth: no container none\n"]);
  Deno.removeSync(former);
  assert.deepEqual(containerFiles(daemon), []);
});

Deno.test("container.rename is refused for a container with a policy that was never started, which stays", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await createService(daemon, "a", "exit 3", { restart: { policy: "always" } });
  const { instance } = await daemon.stateOf("a");
  await client.call("container.stop", { id: "a" });
  await assert.rejects(client.call("container.rename", { id: "a", newId: "b" }), {
    kind: "FailedPrecondition",
    message: /container a was never started: it can be renamed once it has run/,
  });
  const after = await daemon.stateOf("a");
  assert.deepEqual([after.instance, after.restart], [instance, { policy: "always" }]);
  await client.call("container.start", { id: "a" });
  await client.call("container.stop", { id: "a" });
  await client.call("container.rename", { id: "a", newId: "b" });
  await client.call("container.delete", { id: "b" });
});

Deno.test({
  name: "container.rename is refused until the restart policy was applied to the last exit",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const mnt = await createService(
      daemon,
      "a",
      "echo >>/mnt/runs; until test -e /mnt/go; do sleep 0.05; done; exit 3",
      { restart: { policy: "on-failure", maxRetries: 1 } },
    );
    await client.call("container.start", { id: "a" });
    // The exit is acted on when it is in the journal.
    failpoints.arm("journal.append=fail:ENOSPC");
    Deno.writeTextFileSync(`${mnt}/go`, "");
    await daemon.exitOf("a");
    await assert.rejects(client.call("container.rename", { id: "a", newId: "b" }), {
      kind: "FailedPrecondition",
      message: /its restart policy has not been applied yet: try again/,
    });
    failpoints.disarm();
    await until("its second run", () => Deno.readTextFileSync(`${mnt}/runs`) === "\n\n");
    await until("a rename after that", async () => {
      try {
        await client.call("container.rename", { id: "a", newId: "b" });
      } catch (error) {
        assert(error instanceof FailedPreconditionError);
        return false;
      }
      return true;
    });
    await client.call("container.delete", { id: "b" });
  },
});

Deno.test("container.rename is refused while another container shares its namespaces", async () => {
  await using daemon = await TestDaemon.start();
  for (const [id, more] of [["owner", []], ["guest", ["--ipc", "container:owner"]]] as const) {
    await ok(daemon, "run", "-d", "--name", id, ...more, ...rootfsArgs(daemon), "sleep", "1000");
  }
  await ok(daemon, "stop", "-t", "0", "owner");
  await assert.rejects(daemon.client.call("container.rename", { id: "owner", newId: "x" }), {
    kind: "FailedPrecondition",
    message: /container guest shares its namespaces/,
  });
  await ok(daemon, "rm", "-f", "guest");
  await ok(daemon, "rename", "owner", "x");
  await ok(daemon, "rm", "x");
});

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
