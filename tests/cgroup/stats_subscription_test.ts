// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { statsNotification } from "../../src/rpc/contract/daemon.ts";
import { InvalidParamsError, NotFoundError, ResourceExhaustedError } from "../../src/rpc/errors.ts";
import type { Peer } from "../../src/rpc/peer/peer.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";

/** Keeps the readings that come on a connection. */
function ticksOf(peer: Peer) {
  const ticks: ReturnType<typeof statsNotification.params.parse>[] = [];
  peer.onNotification(statsNotification.name, (params) => {
    ticks.push(statsNotification.params.parse(params));
  });
  return ticks;
}

Deno.test("stats.subscribe sends readings of many containers, with their CPU usage", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const labels = { app: "shop" };
  for (
    const [id, args] of [["busy", ["sh", "-c", "while :; do :; done"]], ["idle", [
      "sleep",
      "1000",
    ]]] as const
  ) {
    await daemon.run(id, args, {}, { labels });
  }
  await daemon.run("other", ["sleep", "1000"]);
  const ticks = ticksOf(daemon.peer);
  const { subscription } = await client.call("stats.subscribe", { interval: 0.2, labels });
  const busy = await until("CPU usage", () =>
    ticks.flatMap(({ containers }) => containers)
      .find(({ id, cpuPercent }) => id === "busy" && cpuPercent !== undefined && cpuPercent > 0));
  assert.equal(busy.status, "running");
  assert.equal(busy.instance, (await daemon.stateOf("busy")).instance);
  const [first] = ticks;
  assert.deepEqual(first?.containers.map(({ id }) => id), ["busy", "idle"]);
  assert(first.containers.every(({ cpuPercent }) => cpuPercent === undefined));
  assert(ticks.every((tick) => tick.subscription === subscription));

  await daemon.remove("busy");
  await until(
    "a reading without it",
    () => ticks.at(-1)?.containers.map(({ id }) => id).join() === "idle",
  );
  await client.call("stats.unsubscribe", { subscription });
  const count = ticks.length;
  await client.call("daemon.info", {});
  assert.equal(ticks.length, count);
  await assert.rejects(client.call("stats.unsubscribe", { subscription }), NotFoundError);
});

Deno.test("stats.subscribe bounds subscriptions, which end with their connection", async () => {
  await using daemon = await TestDaemon.start();
  await assert.rejects(
    daemon.client.call("stats.subscribe", { interval: 0.01 }),
    InvalidParamsError,
  );
  const peer = await daemon.connect();
  for (let i = 0; i < 16; i++) await peer.call("stats.subscribe", { interval: 60 });
  await assert.rejects(peer.call("stats.subscribe", {}), ResourceExhaustedError);
  peer.close();
  const ticks = ticksOf(daemon.peer);
  await daemon.client.call("stats.subscribe", { ids: ["none"] });
  assert.deepEqual((await until("a reading", () => ticks[0])).containers, []);
});
