// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { connect } from "../../mod.ts";
import { InvalidParamsError } from "../../src/rpc/errors.ts";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";

Deno.test("container.list pages and filters; ps and the client read every page", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  for (const id of ["c", "a", "b"]) {
    const labels = { app: id === "b" ? "shop" : "other" };
    await client.call("container.create", { id, spec: daemon.spec(["sleep", "1000"]), labels });
  }
  await client.call("container.start", { id: "b" });
  const first = await client.call("container.list", { limit: 2 });
  assert.deepEqual([first.containers.map(({ id }) => id), first.next], [["a", "b"], "b"]);
  const rest = await client.call("container.list", { limit: 2, after: first.next });
  assert.deepEqual([rest.containers.map(({ id }) => id), rest.next], [["c"], undefined]);
  const running = await client.call("container.list", { status: "running" });
  assert.deepEqual(running.containers.map(({ id }) => id), ["b"]);

  await using library = await connect({ socket: daemon.socket });
  assert.deepEqual((await library.list()).map(({ id }) => id), ["a", "b", "c"]);
  assert.deepEqual((await library.list({ labels: { app: "shop" } })).map(({ id }) => id), ["b"]);
  const stats = await library.stats({ ids: ["b"] });
  assert.deepEqual(stats.map(({ id }) => id), ["b"]);
  assert.equal(typeof stats[0]?.stats.timestamp, "string");
  const { stdout } = await cli(daemon, ["ps", "--quiet"]);
  assert.deepEqual(stdout.trim().split("\n").sort(), ["a", "b", "c"]);
});

Deno.test("list: labels of megabytes are refused, and a label named __proto__ survives everywhere", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const spec = daemon.spec(["sleep", "1000"]);
  const big = { text: "x".repeat(7 << 20) };
  await assert.rejects(
    client.call("container.create", { id: "big", spec, labels: big }),
    (error) => {
      assert(error instanceof InvalidParamsError);
      assert.deepEqual(error.issues.map(({ path }) => path), ["labels"]);
      return true;
    },
  );
  const text = '{"__proto__":"p","constructor":"c","":"e"}';
  await client.call("container.create", { id: "odd", spec, labels: JSON.parse(text) });
  const shown = async () => JSON.stringify((await daemon.stateOf("odd")).labels);
  assert.equal(await shown(), text);
  await daemon.restart();
  assert.equal(await shown(), text);
  const { stdout } = await cli(daemon, ["ps", "--json"]);
  assert.equal(JSON.stringify(JSON.parse(stdout).labels), text);
  const found = await daemon.client.call("container.list", {
    labels: JSON.parse('{"__proto__":"p"}'),
  });
  assert.equal(found.containers.length, 1);
  const run = await cli(daemon, [
    ...["create", "--name", "cli", "--label", "__proto__=q", ...rootfsArgs(daemon), "true"],
  ]);
  assert.equal(run.code, 0, run.stderr);
  const { labels } = await daemon.stateOf("cli");
  assert.equal(Object.getOwnPropertyDescriptor(labels, "__proto__")?.value, "q");
});

Deno.test("events.read returns the journal in pages, without a subscription", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("one");
  await daemon.life("two");
  const { client } = daemon;
  const all = await client.call("events.read", {});
  assert.deepEqual(all.events.map(({ id, type }) => `${id} ${type}`), [
    ...["one create", "one start", "one exit", "one delete"],
    ...["two create", "two start", "two exit", "two delete"],
  ]);
  assert.deepEqual([all.next, all.latest, all.oldest, all.gap], [8, 8, 1, false]);
  const exits = await client.call("events.read", { types: ["exit"], limit: 1 });
  assert.deepEqual(exits.events.map(({ id }) => id), ["one"]);
  const later = await client.call("events.read", { types: ["exit"], after: exits.next });
  assert.deepEqual(later.events.map(({ id }) => id), ["two"]);
});
