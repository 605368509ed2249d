// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { containerFiles } from "../harness/files.ts";
import { FailedPreconditionError } from "../../src/rpc/errors.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { until } from "../harness/poll.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { logLines } from "../harness/logs.ts";
import { createService } from "../harness/service.ts";
import { assertWhole, makeStopped, output } from "./rename_testing.ts";

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
  await refused(
    "former",
    "b",
    "FailedPrecondition",
    /its log .* is where early versions put logs/,
  );
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
