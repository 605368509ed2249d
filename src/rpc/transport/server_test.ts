// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { dial, typedClient } from "./dial.ts";
import { method } from "../contract/method.ts";
import { bindContract } from "../contract/bind.ts";
import { paramSchemas } from "../contract/json_schema.ts";
import type { Handlers } from "../peer/handler.ts";
import type { Peer } from "../peer/peer.ts";
import { Server } from "./server.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { ignore, readMessages, writeAll } from "../peer/peer_testing.ts";
import * as z from "zod";

const handlers: Handlers = {
  echo: (params) => params,
  wait: (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
};

/** A directory of the test's own, 0700, removed at the end. */
function temporary(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "berth-rpc-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function mode(path: string): number {
  return (Deno.lstatSync(path).mode ?? 0) & 0o777;
}

Deno.test("Server: a server answers 64 clients at once", async () => {
  using dir = temporary();
  await using _server = await Server.listen(`${dir.path}/s`, { onError: ignore, handlers });
  const peers = await Promise.all(
    Array.from({ length: 64 }, () => dial(`${dir.path}/s`, { onError: ignore })),
  );
  const answers = await Promise.all(
    peers.flatMap((peer, i) => Array.from({ length: 50 }, (_, j) => peer.call("echo", { i, j }))),
  );
  assert.equal(answers.length, 3200);
  assert.deepEqual(answers[51], { i: 1, j: 1 });
  for (const peer of peers) peer.close();
});

Deno.test("Server: the socket has its mode and group, and leaves nothing beside it", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  {
    await using _server = await Server.listen(path, { onError: ignore, handlers });
    assert.equal(mode(path), 0o600);
    assert.deepEqual([...Deno.readDirSync(dir.path)].map((entry) => entry.name), ["s"]);
  }
  {
    await using _server = await Server.listen(path, {
      onError: ignore,
      handlers,
      mode: 0o660,
      gid: 12345,
    });
    assert.equal(mode(path), 0o660);
    assert.equal(Deno.lstatSync(path).gid, 12345);
  }
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("Server: a stale socket file is replaced, a live one and any other file are not", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  // Moved, so that Deno does not unlink it when the listener closes: what a killed server leaves.
  const stale = Deno.listen({ transport: "unix", path: `${dir.path}/old` });
  Deno.renameSync(`${dir.path}/old`, path);
  stale.close();
  await using server = await Server.listen(path, { onError: ignore, handlers });
  await assert.rejects(Server.listen(path, { onError: ignore, handlers }), {
    kind: "FailedPrecondition",
    message: /another process answers/,
  });
  using peer = await dial(path, { onError: ignore });
  assert.equal(await peer.call("echo", 1), 1);
  server.stopListening();
  Deno.writeTextFileSync(path, "precious");
  await assert.rejects(Server.listen(path, { onError: ignore, handlers }), {
    kind: "FailedPrecondition",
  });
  assert.equal(Deno.readTextFileSync(path), "precious");
});

Deno.test("Server: a server that stops does not remove its successor's socket", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  const first = await Server.listen(path, { onError: ignore, handlers });
  Deno.removeSync(path);
  await using _second = await Server.listen(path, { onError: ignore, handlers });
  await first[Symbol.asyncDispose]();
  using peer = await dial(path, { onError: ignore });
  assert.equal(await peer.call("echo", 2), 2);
});

Deno.test("Server: paths over 107 bytes are listened on and dialed", async () => {
  using dir = temporary();
  const deep = `${dir.path}/${"d".repeat(100)}/${"e".repeat(76)}`;
  Deno.mkdirSync(deep, { recursive: true });
  const path = `${deep}/shim.sock`;
  {
    await using _server = await Server.listen(path, { onError: ignore, handlers });
    assert.equal(mode(path), 0o600);
    await assert.rejects(Server.listen(path, { onError: ignore, handlers }), {
      kind: "FailedPrecondition",
    });
    using peer = await dial(path, { onError: ignore });
    assert.equal(await peer.call("echo", "deep"), "deep");
  }
  assert.deepEqual([...Deno.readDirSync(deep)], []);
});

Deno.test("Server: a client that disconnects in mid-request aborts it and is told of", async () => {
  using dir = temporary();
  const connected: Peer[] = [];
  const disconnected: Peer[] = [];
  let aborted = false;
  await using server = await Server.listen(`${dir.path}/s`, {
    onError: ignore,
    handlers: {
      wait: (_, { signal }) => {
        signal.addEventListener("abort", () => aborted = true);
        return new Promise(() => {});
      },
    },
    onConnect: (peer) => connected.push(peer),
    onDisconnect: (peer) => disconnected.push(peer),
  });
  const conn = await Deno.connect({ transport: "unix", path: `${dir.path}/s` });
  await writeAll(conn, new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"wait"}\n'));
  await until("the call is in flight", () => connected[0]?.inFlight === 1);
  assert.equal(server.peers.size, 1);
  conn.close();
  await until("the call is aborted", () => aborted && disconnected.length === 1);
  assert.equal(disconnected[0], connected[0]);
  assert.equal(server.peers.size, 0);
});

Deno.test("Server: a client that shuts down its sending side gets its answer", async () => {
  using dir = temporary();
  const gate = Promise.withResolvers<string>();
  let calls = 0;
  await using _server = await Server.listen(`${dir.path}/s`, {
    onError: ignore,
    handlers: { wait: () => (calls++, gate.promise) },
  });
  using conn = await Deno.connect({ transport: "unix", path: `${dir.path}/s` });
  await writeAll(conn, new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"wait"}\n'));
  await conn.closeWrite();
  const answers = readMessages(conn);
  await until("the call has begun", () => calls === 1);
  gate.resolve("late");
  assert.deepEqual(await answers, [{ jsonrpc: "2.0", id: 1, result: "late" }]);
});

Deno.test("Server: disposing a server ends its connections and the calls on them", async () => {
  using dir = temporary();
  const server = await Server.listen(`${dir.path}/s`, { onError: ignore, handlers });
  using peer = await dial(`${dir.path}/s`, { onError: ignore });
  const call = assert.rejects(peer.call("wait"), { kind: "Unavailable" });
  await until("the call is in flight", () => [...server.peers][0]?.inFlight === 1);
  await server[Symbol.asyncDispose]();
  await call;
  await peer.closed;
});

Deno.test("Server: after stopListening nobody can connect and those who are there go on", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  await using server = await Server.listen(path, { onError: ignore, handlers });
  using peer = await dial(path, { onError: ignore });
  assert.equal(await peer.call("echo", 1), 1);
  server.stopListening();
  await assert.rejects(dial(path, { onError: ignore }), { kind: "Unavailable" });
  assert.equal(await peer.call("echo", 2), 2);
});

Deno.test("Server: who is refused for want of room is told so by each call, whenever it is made", async () => {
  using dir = temporary();
  await using _server = await Server.listen(`${dir.path}/s`, {
    onError: ignore,
    handlers,
    hasRoom: () => false,
  });
  const refused = (error: unknown) => {
    // Its kind is that of a lost connection, for those that connect anew.
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, /^too many connections/);
    assert.ok(error.cause instanceof ResourceExhaustedError);
    return true;
  };
  for (let round = 0; round < 100; round++) {
    using peer = await dial(`${dir.path}/s`, { onError: ignore });
    // Before the refusal has come, around it, and after it.
    for (let turn = 0; turn < round % 5; turn++) await yieldToEventLoop();
    const calls = [peer.call("echo", 1), peer.call("wait")];
    for (const call of calls) await assert.rejects(call, refused);
    await peer.closed;
    await assert.rejects(peer.call("echo", 2), refused);
  }
});

Deno.test("Server: that there is no room is reported once, and again after there was some", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  let hasRoom = true;
  const reports: string[] = [];
  const onError = (message: string) => void reports.push(message);
  await using _server = await Server.listen(path, { onError, handlers, hasRoom: () => hasRoom });
  const connect = async (count: number) => {
    for (let n = 0; n < count; n++) {
      using peer = await dial(path, { onError: ignore });
      await Promise.allSettled([peer.call("echo", 1)]);
    }
    return reports.length;
  };
  hasRoom = false;
  assert.equal(await connect(3), 1);
  hasRoom = true;
  assert.equal(await connect(1), 1);
  hasRoom = false;
  assert.equal(await connect(3), 2);
});

Deno.test("dial tells a missing socket from a dead one, and both from a full one", async () => {
  using dir = temporary();
  await assert.rejects(dial(`${dir.path}/s`, { onError: ignore }), (error) => {
    assert.equal(Object(error).data.errno, "ENOENT");
    return true;
  });
  await assert.rejects(dial(`${dir.path}/${"x".repeat(120)}/s`, { onError: ignore }), {
    kind: "Unavailable",
  });
  const dead = Deno.listen({ transport: "unix", path: `${dir.path}/old` });
  Deno.renameSync(`${dir.path}/old`, `${dir.path}/s`);
  dead.close();
  await assert.rejects(dial(`${dir.path}/s`, { onError: ignore }), (error) => {
    assert.equal(Object(error).kind, "Unavailable");
    assert.equal(Object(error).data.errno, "ECONNREFUSED");
    return true;
  });
});

Deno.test("dial gives up in time on a listener that never accepts", async () => {
  using dir = temporary();
  const path = `${dir.path}/s`;
  using _listener = Deno.listen({ transport: "unix", path });
  const conns: Deno.Conn[] = [];
  try {
    // Fill the backlog: it ends with EAGAIN, which dial takes for "busy".
    for (let full = false; !full;) {
      try {
        conns.push(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        assert(error instanceof Deno.errors.WouldBlock, String(error));
        full = true;
      }
    }
    await assert.rejects(dial(path, { onError: ignore, timeoutMs: 30 }), {
      kind: "DeadlineExceeded",
    });
    const controller = new AbortController();
    const dialing = dial(path, { onError: ignore, signal: controller.signal });
    controller.abort(new Error("stop"));
    await assert.rejects(dialing, { message: "stop" });
  } finally {
    for (const conn of conns) conn.close();
  }
});

Deno.test("typedClient has the contract's types", async () => {
  using dir = temporary();
  const contract = {
    "text.length": method(
      "text.length",
      "Counts.",
      z.strictObject({ text: z.string() }),
      z.object({ length: z.int() }),
      {},
    ),
  } as const;
  await using _server = await Server.listen(`${dir.path}/s`, {
    onError: ignore,
    handlers: bindContract<typeof contract>(paramSchemas(contract), {
      "text.length": ({ text }) => ({ length: text.length }),
    }),
  });
  using peer = await dial(`${dir.path}/s`, { onError: ignore });
  const client = typedClient<typeof contract>(peer);
  const { length } = await client.call("text.length", { text: "abc" });
  assert.equal(length, 3);
});
