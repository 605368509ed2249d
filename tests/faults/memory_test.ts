// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dial } from "../../src/rpc/transport/dial.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";

/** How much is done. As many as a service has in months: `BERTH_MEMORY_SCALE=50 deno task test tests/faults/memory_test.ts`. */
const SCALE = Number(Deno.env.get("BERTH_MEMORY_SCALE") ?? 1);
const CONNECTIONS = 2000 * SCALE;
const CALLS = 100_000 * SCALE;
const PIPELINED = 500;
const MIB = 1024 * 1024;
/**
 * How much more memory than at the start a daemon may have when all is over, in bytes. It starts with
 * 26 MB, and has 32 to 42 MB then: with the code that V8 has compiled and what it has learned of it.
 */
const DAEMON_BACK_WITHIN = 16 * MIB;
/** The same for a shim, which trims its memory. */
const SHIM_BACK_WITHIN = 10 * MIB;
/** V8 gives back what it has no use for some ten seconds after the last call. */
const IDLE_MS = 120_000;

/** Connects and calls once, again and again, then calls over one connection without waiting. */
async function many(socket: string, method: string): Promise<void> {
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

/** Fails if process `pid`, left in peace after all that, has `within` bytes more than before. */
async function assertGivesBack(
  pid: number,
  socket: string,
  method: string,
  within: number,
): Promise<void> {
  const before = anonymousMemory(pid);
  await many(socket, method);
  const most = anonymousMemory(pid);
  const told = () => megabytes([before, most, anonymousMemory(pid)]);
  await until(
    `memory of ${method} to be given back`,
    () => anonymousMemory(pid) < before + within,
    { timeoutMs: IDLE_MS, everyMs: 500 },
  ).catch((error) => assert.fail(`${error.message}: ${told()}`));
  if (SCALE > 1) console.log(`${CONNECTIONS} connections and ${CALLS} calls: ${told()}`);
}

function megabytes(bytes: readonly number[]): string {
  return bytes.map((each) => `${(each / 1e6).toFixed(1)} MB`).join(", ");
}

Deno.test("memory: the daemon gives back what connections and pipelined calls took", async () => {
  await using daemon = await TestDaemon.start();
  await assertGivesBack(daemon.pid, daemon.socket, "daemon.info", DAEMON_BACK_WITHIN);
});

Deno.test("memory: a shim gives back what connections and pipelined calls took", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("a", ["sleep", "1000"]);
  const { bundle, shimPid } = await daemon.stateOf("a");
  await assertGivesBack(shimPid, `${bundle}/shim.sock`, "shim.state", SHIM_BACK_WITHIN);
});
