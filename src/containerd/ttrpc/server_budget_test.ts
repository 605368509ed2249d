// SPDX-License-Identifier: MIT
//
// What the connections of a server hold in all.
import assert from "node:assert/strict";
import { ByteBudget } from "../../rpc/protocol/byte_budget.ts";
import { TtrpcClient } from "./client.ts";
import { encodeFrame, FRAME } from "./frame.ts";
import { CODE } from "./messages.ts";
import { serveConnection, type TtrpcConn, type TtrpcHandler } from "./server.ts";
import { pair, requests, sendAll, settled } from "./server_testing.ts";

const echo: TtrpcHandler = (payload) => Promise.resolve(payload);

const wait: TtrpcHandler = Object.assign(
  (_payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  { waits: true },
);

const router = (_service: string, method: string) => method === "wait" ? wait : echo;

const call = (client: TtrpcClient, method: string, payload = new Uint8Array()) =>
  client.call({ service: "test", method, payload });

/** A connection that is served with others of one budget. */
function servedWith(budget: ByteBudget, log: string[] = []) {
  const [server, conn] = pair(65_536);
  let closed = false;
  const close = () => {
    closed = true;
    server.close();
  };
  const watched = { read: server.read, write: server.write, close };
  const served = serveConnection(watched, router, budget, (message) => log.push(message));
  return { conn, served, isClosed: () => closed };
}

/** A frame of `size` bytes of data, of which the last few are left out. */
function unfinished(size: number): Uint8Array {
  return encodeFrame({ stream: 1, type: FRAME.request, data: new Uint8Array(size) })
    .subarray(0, -5);
}

/** What clients can do to make a server hold much: each takes more than 2 MiB and less than 3. */
const GREEDY = {
  "frames that are not complete": (conn: TtrpcConn) =>
    sendAll(conn, [unfinished(2.5 * 1024 * 1024)]),
  "calls that wait": (conn: TtrpcConn) =>
    sendAll(conn, requests(1, new Uint8Array(2.5 * 1024 * 1024), "wait")),
  // The call counts, too, until its answer is written.
  "answers that are not read": (conn: TtrpcConn) =>
    sendAll(conn, requests(1, new Uint8Array(1.25 * 1024 * 1024), "echo")),
  "short answers that are not read": (conn: TtrpcConn) =>
    sendAll(conn, requests(177, new Uint8Array(2000), "echo")),
};

for (const [what, hold] of Object.entries(GREEDY)) {
  Deno.test(`serveConnection closes who holds most for long by ${what}, and serves others`, async () => {
    const budget = new ByteBudget(8 * 1024 * 1024);
    const log: string[] = [];
    const small = servedWith(budget);
    using client = new TtrpcClient(small.conn);
    const waiting = assert.rejects(call(client, "wait"), { code: CODE.unavailable });
    const greedy = [];
    for (let n = 0; n < 5; n++) {
      const one = servedWith(budget, log);
      greedy.push(one);
      await hold(one.conn);
      await settled(() => budget.used);
      assert.ok(budget.used <= 8 * 1024 * 1024 && budget.used > Math.min(n + 1, 3) * 2_500_000);
    }
    assert.deepEqual(greedy.map(({ isClosed }) => isClosed()), [true, true, false, false, false]);
    assert.match(log.join(), /^(a connection was closed for what it holds, 26\d{5} bytes,?){2}$/);
    // One large frame closes one more of them.
    const large = new Uint8Array(2 * 1024 * 1024);
    assert.deepEqual(await call(client, "echo", large), large);
    assert.ok(!small.isClosed());
    client[Symbol.dispose]();
    for (const { conn } of greedy) conn.close();
    await Promise.all([waiting, small.served, ...greedy.map(({ served }) => served)]);
    assert.equal(budget.used, 0);
  });
}

Deno.test("serveConnection counts no short frame of a client that reads, and a long one no longer than it is needed", async () => {
  const budget = new ByteBudget(8 * 1024 * 1024);
  const { conn, served, isClosed } = servedWith(budget);
  using client = new TtrpcClient(conn);
  const waits = Array.from({ length: 4000 }, () => {
    return assert.rejects(call(client, "wait", new Uint8Array(4000)), { code: CODE.unavailable });
  });
  for (let n = 0; n < 20; n++) {
    await call(client, "echo", new Uint8Array(1024 * 1024));
    await settled(() => budget.used);
    assert.equal(budget.used, 0);
  }
  assert.ok(!isClosed());
  client[Symbol.dispose]();
  await Promise.all([served, ...waits]);
});
