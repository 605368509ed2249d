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
  for (let done = 0; done < CALLS; done += 1000) {
    const controller = new AbortController();
    const giveUp = done % 2000 === 0
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
  }
  await daemon.client.call("container.kill", { id: "a", signal: "KILL" });
  assert.equal((await client.container("a").wait({ timeoutMs: CALL_TIMEOUT_MS })).exitStatus, 137);
  // The heap grows in steps, whenever it likes; what is left behind by each wait adds up all the time.
  const quarter = Math.floor(memory.length / 4);
  const [, second = 0, third = 0, fourth = 0] = [0, 1, 2, 3].map((index) =>
    Math.min(...memory.slice(index * quarter, (index + 1) * quarter))
  );
  const growth = Math.min(third - second, fourth - third);
  const told = memory.filter((_, index) => index % Math.ceil(memory.length / 20) === 0)
    .map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(", ");
  if (CALLS > 100_000) console.log(`${CALLS} waits, ${growth} bytes more in a quarter: ${told}`);
  // Of each wait that is left behind, 600 bytes would be more.
  assert(growth < CALLS / 4 * 400, `the daemon grew by ${growth} bytes a quarter: ${told}`);
});
