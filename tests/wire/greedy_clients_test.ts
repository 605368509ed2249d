// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dial } from "../../src/rpc/transport/dial.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";

const MIB = 1024 * 1024;

/** Connects `count` times and writes `bytes` each time, as far as they are taken; reads nothing. */
async function connectAll(path: string, count: number, bytes: Uint8Array): Promise<Disposable> {
  const conns: Deno.Conn[] = [];
  let open = true;
  for (let i = 0; i < count; i++) {
    const conn = await Deno.connect({ transport: "unix", path });
    conns.push(conn);
    (async () => {
      try {
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      } catch (error) {
        // That it is cut off is what it is for.
        if (open && !(error instanceof Deno.errors.BrokenPipe)) {
          assert(error instanceof Deno.errors.ConnectionReset, String(error));
        }
      }
    })();
  }
  return {
    [Symbol.dispose]: () => {
      open = false;
      for (const conn of conns) conn.close();
    },
  };
}

/** What process `pid` holds after each of 50 calls that another client makes, bytes. */
async function heldDuring(pid: number, socket: string, method: string): Promise<number[]> {
  using peer = await dial(socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
  const held: number[] = [];
  for (let i = 0; i < 50; i++) {
    await peer.call(method, {}, { timeoutMs: CALL_TIMEOUT_MS });
    held.push(anonymousMemory(pid));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return held;
}

const unfinished = new Uint8Array(15 * MIB).fill(0x20);

/** What the connections of a daemon may hold, bytes. */
const BUDGET = 128 * MIB;

/**
 * What clients whose lines do not end may cost a daemon in the end, bytes: its budget, and what malloc
 * keeps of buffers that are freed: 130 to 180 MB. Without a budget it would be 530.
 */
const LINES_BOUND = 2 * BUDGET;

/**
 * The most that a hundred clients who do not read may cost a daemon, bytes: its budget, and what V8 has
 * not freed yet: 230 to 290 MB. If a text that is not Latin-1, as the answer is, counted as one that is,
 * it would be 340 to 550. If requests were begun for whoever does not read, it would be a gigabyte.
 */
const ANSWERS_BOUND = 380 * MIB;

Deno.test("greedy clients: clients whose lines do not end cost a daemon a bounded sum", async () => {
  await using daemon = await TestDaemon.start();
  const before = anonymousMemory(daemon.pid);
  using _clients = await connectAll(daemon.socket, 30, unfinished);
  await until("a client that is cut off", () => /closed for what it holds/.test(daemon.log));
  const held = await heldDuring(daemon.pid, daemon.socket, "daemon.info");
  // What a line has outgrown is there for a moment, beside what it has grown to.
  const cost = Math.min(...held.slice(25)) - before;
  assert(cost < LINES_BOUND, `${cost} bytes more`);
});

Deno.test("greedy clients: clients that do not read cost a daemon a bounded sum", async () => {
  await using daemon = await TestDaemon.start();
  const before = anonymousMemory(daemon.pid);
  const text = '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'.repeat(300);
  using _clients = await connectAll(daemon.socket, 100, new TextEncoder().encode(text));
  const held = await heldDuring(daemon.pid, daemon.socket, "daemon.info");
  const cost = Math.max(...held) - before;
  assert(cost < ANSWERS_BOUND, `${cost} bytes more`);
});

Deno.test("greedy clients: clients whose lines do not end cost a shim a bounded sum", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("a", ["sleep", "1000"]);
  const { bundle, shimPid } = await daemon.stateOf("a");
  const before = anonymousMemory(shimPid);
  using _clients = await connectAll(`${bundle}/shim.sock`, 15, unfinished);
  await until(
    "a client that is cut off",
    () => /closed for what it holds/.test(Deno.readTextFileSync(`${bundle}/shim.log`)),
  );
  const held = await heldDuring(shimPid, `${bundle}/shim.sock`, "shim.state");
  const cost = Math.max(...held) - before;
  assert(cost < 200 * MIB, `${cost} bytes more`);
});
