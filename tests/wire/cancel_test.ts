// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { RawClient } from "../harness/io/raw_client.ts";
import { CALL_TIMEOUT_MS } from "../harness/poll.ts";

/** Waits to abandon. A larger run: `BERTH_CANCEL_CALLS=1000000 deno task test tests/wire/cancel_test.ts`. */
const CALLS = Number(Deno.env.get("BERTH_CANCEL_CALLS") ?? 100_000);

Deno.test("cancel: $/cancelRequest ends a wait with Cancelled, and the next wait is answered", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("a", ["sleep", "1000"]);
  using client = await RawClient.connect(daemon.socket);
  const wait = { jsonrpc: "2.0", method: "container.wait", params: { id: "a" } };
  await client.send({ ...wait, id: "first" });
  await client.send({ ...wait, id: "second" });
  const answer = Object(
    await client.ask({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: "first" } }),
  );
  assert.equal(answer.id, "first");
  assert.equal(answer.error.code, -32800);
  assert.equal(answer.error.data.kind, "Cancelled");
  await daemon.client.call("container.kill", { id: "a", signal: "KILL" });
  const other = Object(await client.next());
  assert.equal(other.id, "second");
  assert.equal(other.result.exitStatus, 137);
});

Deno.test("cancel: waits that a client gives up leave nothing in the daemon", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("a", ["sleep", "1000"]);
  await using client = await connect({ socket: daemon.socket });
  const memory: number[] = [];
  const abandonThousand = async () => {
    const controller = new AbortController();
    const giveUp = memory.length % 2 === 0
      ? () => ({ signal: AbortSignal.any([controller.signal]) })
      : () => ({ timeoutMs: 1 });
    const waits = Array.from(
      { length: 1000 },
      () => client.call("container.wait", { id: "a" }, giveUp()),
    );
    const settled = Promise.allSettled(waits);
    // The calls have to be made before they can be given up.
    await client.info();
    controller.abort();
    const results = await settled;
    assert.ok(results.every(({ status }) => status === "rejected"), "a wait was answered");
    memory.push(anonymousMemory(daemon.pid));
  };
  // The heap grows in steps, whenever it likes, until it is as large as it needs to be; what is left
  // behind by each wait adds up for ever. So the growth of each wait is small after enough of them.
  const quarter = Math.ceil(CALLS / 4000);
  const least = (from: number) => Math.min(...memory.slice(from, from + quarter));
  let growth = Infinity;
  // Of each wait that is left behind, 600 bytes would be more.
  while (memory.length < 4 * quarter || growth > 400) {
    if (memory.length >= 16 * quarter) {
      const told = memory.filter((_, index) => index % quarter === 0)
        .map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(", ");
      assert.fail(`the daemon grew by ${growth} bytes a wait: ${told}`);
    }
    await abandonThousand();
    const last = memory.length - quarter;
    growth = (least(last) - least(quarter)) / ((last - quarter) * 1000);
  }
  await daemon.client.call("container.kill", { id: "a", signal: "KILL" });
  assert.equal((await client.container("a").wait({ timeoutMs: CALL_TIMEOUT_MS })).exitStatus, 137);
  if (CALLS > 100_000) console.log(`${memory.length}000 waits, ${growth} bytes more for each`);
});
