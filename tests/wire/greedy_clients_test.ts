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

/** The most that process `pid` holds while another client makes 50 calls, bytes. */
async function peakDuring(pid: number, socket: string, method: string): Promise<number> {
  using peer = await dial(socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
  let peak = 0;
  for (let i = 0; i < 50; i++) {
    await peer.call(method, {}, { timeoutMs: CALL_TIMEOUT_MS });
    peak = Math.max(peak, anonymousMemory(pid));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return peak;
}

const unfinished = new Uint8Array(15 * MIB).fill(0x20);

/**
 * The most that greedy clients may cost a daemon, bytes: its budget of 128 MiB, and what the engine has
 * not freed yet. Without a budget the first of them would cost 450 MiB.
 */
const BOUND = 380 * MIB;

Deno.test("greedy clients: clients whose lines do not end, and that do not read, cost a daemon a bounded sum", async () => {
  await using daemon = await TestDaemon.start();
  const before = anonymousMemory(daemon.pid);
  {
    using _clients = await connectAll(daemon.socket, 30, unfinished);
    await until("a client that is cut off", () => /closed for what it holds/.test(daemon.log));
    const peak = await peakDuring(daemon.pid, daemon.socket, "daemon.info");
    assert(peak - before < BOUND, `${peak - before} bytes more`);
  }
  const text = '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'.repeat(300);
  using _clients = await connectAll(daemon.socket, 100, new TextEncoder().encode(text));
  const peak = await peakDuring(daemon.pid, daemon.socket, "daemon.info");
  assert(peak - before < BOUND, `${peak - before} bytes more`);
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
  const peak = await peakDuring(shimPid, `${bundle}/shim.sock`, "shim.state");
  assert(peak - before < 200 * MIB, `${peak - before} bytes more`);
});
