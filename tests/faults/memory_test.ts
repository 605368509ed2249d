// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dial } from "../../src/rpc/transport/dial.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { CALL_TIMEOUT_MS } from "../harness/poll.ts";

/** What each round does. A larger run: `BERTH_MEMORY_SCALE=50 deno task test tests/faults/memory_test.ts`. */
const SCALE = Number(Deno.env.get("BERTH_MEMORY_SCALE") ?? 1);
const CONNECTIONS = 2000 * SCALE;
const CALLS = 100_000 * SCALE;
const PIPELINED = 500;
/** A round that leaves less than this, in bytes, has left nothing: the heap breathes. */
const NOTHING = 6 * 1024 * 1024;
/** The heap has grown to its size after so many rounds. */
const MOST_ROUNDS = 8;

/** Connects and calls once, again and again, then calls over one connection without waiting. */
async function round(socket: string, method: string): Promise<void> {
  for (let done = 0; done < CONNECTIONS; done += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      using peer = await dial(socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
      await peer.call(method, {});
    }));
  }
  using peer = await dial(socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
  for (let done = 0; done < CALLS; done += PIPELINED) {
    await Promise.all(Array.from({ length: PIPELINED }, () => peer.call(method, {})));
  }
}

/** Fails if each round adds to the memory of process `pid`. */
async function assertKeepsNothing(pid: number, socket: string, method: string): Promise<void> {
  const seen = [anonymousMemory(pid)];
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    await round(socket, method);
    const now = anonymousMemory(pid);
    const growth = now - (seen.at(-1) ?? 0);
    seen.push(now);
    if (rounds > 0 && growth < NOTHING) break;
  }
  const told = seen.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(", ");
  if (SCALE > 1) console.log(`${CONNECTIONS} connections and ${CALLS} calls a round: ${told}`);
  const growth = (seen.at(-1) ?? 0) - (seen.at(-2) ?? 0);
  assert(growth < NOTHING, `every round of ${method} keeps memory: ${told}`);
}

Deno.test("memory: the daemon keeps nothing of connections and pipelined calls that are over", async () => {
  await using daemon = await TestDaemon.start();
  await assertKeepsNothing(daemon.pid, daemon.socket, "daemon.info");
});

Deno.test("memory: a shim keeps nothing of connections and pipelined calls that are over", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("a", ["sleep", "1000"]);
  const { bundle, shimPid } = await daemon.client.call("container.state", { id: "a" });
  await assertKeepsNothing(shimPid, `${bundle}/shim.sock`, "shim.state");
});
