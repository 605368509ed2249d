// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import type { Handlers } from "../peer/handler.ts";
import { ignore, writeAll } from "../peer/peer_testing.ts";
import { ByteBudget } from "../protocol/byte_budget.ts";
import { dial } from "./dial.ts";
import { Server } from "./server.ts";

const MIB = 1024 * 1024;

const handlers: Handlers = {
  echo: (params) => params,
  big: () => "x".repeat(2 * MIB),
  wait: () => new Promise(() => {}),
};

/** Serves with room for 16 MiB and calls `use` with its budget and what the server complains of. */
async function withServer(
  use: (server: Server, complaints: string[], budget: ByteBudget) => Promise<void>,
): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  const complaints: string[] = [];
  const budget = new ByteBudget(16 * MIB);
  await using server = await Server.listen(`${dir}/s`, {
    handlers,
    budget,
    onError: (message, error) => complaints.push(`${message}: ${error}`),
  });
  await use(server, complaints, budget);
}

/** Connects `count` times and writes `text` each time; reads nothing. */
async function stalled(path: string, count: number, text: string): Promise<Disposable> {
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < count; i++) {
    const conn = await Deno.connect({ transport: "unix", path });
    conns.push(conn);
    // One that is closed while it writes was written enough.
    writeAll(conn, new TextEncoder().encode(text)).catch(() => {});
  }
  return {
    [Symbol.dispose]: () => {
      for (const conn of conns) conn.close();
    },
  };
}

async function assertServes(server: Server): Promise<void> {
  using peer = await dial(server.path, { onError: ignore });
  for (let i = 0; i < 20; i++) assert.equal(await peer.call("echo", i, { timeoutMs: 60_000 }), i);
  for (let i = 0; i < 20; i++) {
    const answer = await peer.call("big", {}, { timeoutMs: 60_000 });
    assert.equal(String(answer).length, 2 * MIB);
  }
}

Deno.test("held bytes: a server closes the worst of those that do not read, and serves the others", async () => {
  await withServer(async (server, complaints, budget) => {
    const request = '{"jsonrpc":"2.0","id":1,"method":"big"}\n';
    using _stalled = await stalled(server.path, 40, request.repeat(50));
    await until("connections are closed", () => complaints.length > 10);
    await assertServes(server);
    assert(budget.used <= 16 * MIB, `${budget.used}`);
    assert.match(complaints[0] ?? "", /a connection.*closed for what it holds/);
  });
});

Deno.test("held bytes: a server closes the worst of those whose lines do not end, and serves the others", async () => {
  await withServer(async (server, complaints, budget) => {
    using _stalled = await stalled(server.path, 12, `"${"x".repeat(3 * MIB)}`);
    await until("connections are closed", () => complaints.length > 4);
    await assertServes(server);
    assert(budget.used <= 16 * MIB, `${budget.used}`);
  });
});

Deno.test("held bytes: answers that wait for the rest of their batch count as held", async () => {
  await withServer(async (server, complaints, budget) => {
    const batch =
      '[{"jsonrpc":"2.0","id":1,"method":"big"},{"jsonrpc":"2.0","id":2,"method":"wait"}]\n';
    using _stalled = await stalled(server.path, 1, batch.repeat(40));
    await until("the connection is closed", () => complaints.length > 0);
    assert.equal(budget.used, 0);
    await assertServes(server);
  });
});

Deno.test("held bytes: text that is not Latin-1 counts two bytes a character, as V8 holds it", async () => {
  const params = ["x".repeat(3 * MIB) + "…"];
  const call = (method: string) => ({ jsonrpc: "2.0", id: 1, method, params });
  for (const request of [call("wait"), call("echo"), [call("echo"), call("wait")]]) {
    await withServer(async (server, _complaints, budget) => {
      using _stalled = await stalled(server.path, 1, `${JSON.stringify(request)}\n`);
      await until("the text is counted", () => budget.used > 5 * MIB);
    });
  }
});
