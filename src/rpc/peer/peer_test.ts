// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { BerthError, NotFoundError } from "../errors.ts";
import { MAX_LINE } from "../protocol/line_reader.ts";
import { Peer } from "./peer.ts";
import type { Handlers } from "./handler.ts";
import { exchange, ignore, memoryPair, readMessages, writeAll } from "./peer_testing.ts";

const echo: Handlers = { echo: (params) => params };

function request(id: number, method = "echo", params?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

/** The members of an error answer that programs act on. */
function errorOf(answer: unknown): { id: unknown; code: unknown; kind: unknown } {
  const { id, error } = Object(answer);
  return { id, code: error?.code, kind: error?.data?.kind };
}

Deno.test("Peer: both ends call each other over one connection", async () => {
  const [a, b] = memoryPair();
  using left = new Peer(a, { onError: ignore, handlers: { name: () => "left" } });
  using right: Peer = new Peer(b, {
    onError: ignore,
    handlers: {
      async ask() {
        return `${await right.call("name")} was asked`;
      },
    },
  });
  assert.equal(await left.call("ask"), "left was asked");
  assert.equal(await right.call("name"), "left");
});

Deno.test("Peer: calls run concurrently and answers come as they finish", async () => {
  const [a, b] = memoryPair();
  const first = Promise.withResolvers<string>();
  using _server = new Peer(b, {
    onError: ignore,
    handlers: { slow: () => first.promise, fast: () => "fast" },
  });
  using peer = new Peer(a, { onError: ignore });
  const slow = peer.call("slow");
  assert.equal(await peer.call("fast"), "fast");
  first.resolve("slow");
  assert.equal(await slow, "slow");
});

Deno.test("Peer: an error keeps its class, kind, code and data across the wire", async () => {
  const [a, b] = memoryPair();
  const errors: unknown[] = [];
  using _server = new Peer(b, {
    handlers: {
      known: () => {
        throw new NotFoundError("no container c1", { data: { id: "c1" } });
      },
      bug: () => Promise.reject(new TypeError("x is not a function")),
    },
    onError: (_, error) => errors.push(error),
  });
  using peer = new Peer(a, { onError: ignore });
  await assert.rejects(peer.call("known"), (error) => {
    assert(error instanceof NotFoundError);
    assert.equal(error.message, "no container c1");
    assert.equal(error.data.id, "c1");
    return true;
  });
  await assert.rejects(peer.call("bug"), { kind: "Internal", message: "x is not a function" });
  assert.equal(errors.length, 1, "a bug is reported, a typed error is not");
});

Deno.test("Peer: a result that is no JSON, or longer than a line, becomes an error of its call", async () => {
  const [a, b] = memoryPair(1024 * 1024);
  using _server = new Peer(b, {
    onError: ignore,
    handlers: {
      cycle: () => {
        const cycle: Record<string, unknown> = {};
        return cycle.self = cycle;
      },
      bigint: () => 2n ** 64n - 1n,
      long: () => "é".repeat(MAX_LINE / 2),
      nothing: () => undefined,
    },
  });
  using peer = new Peer(a, { onError: ignore });
  await assert.rejects(peer.call("cycle"), { kind: "Internal" });
  assert.equal(await peer.call("bigint"), 2n ** 64n - 1n);
  await assert.rejects(peer.call("long"), { kind: "ResourceExhausted" });
  assert.equal(await peer.call("nothing"), null);
  const cycle: unknown[] = [];
  cycle.push(cycle);
  await assert.rejects(peer.call("echo", cycle), TypeError);
  await assert.rejects(peer.call("echo", ["x".repeat(MAX_LINE)]), { kind: "ResourceExhausted" });
});

Deno.test("Peer: a call that is aborted or late rejects at once, and its late answer is dropped", async () => {
  const [a, b] = memoryPair();
  const gate = Promise.withResolvers<void>();
  using _server = new Peer(b, { onError: ignore, handlers: { ...echo, slow: () => gate.promise } });
  using peer = new Peer(a, { onError: ignore });
  await assert.rejects(peer.call("slow", {}, { timeoutMs: 0.9985979999999 }), {
    kind: "DeadlineExceeded",
    message: "slow: no answer within 1 ms",
  });
  const controller = new AbortController();
  const aborted = peer.call("slow", {}, { signal: controller.signal });
  controller.abort(new Error("no longer wanted"));
  await assert.rejects(aborted, { message: "no longer wanted" });
  await assert.rejects(peer.call("slow", {}, { signal: controller.signal }), {
    message: "no longer wanted",
  });
  gate.resolve();
  assert.equal(await peer.call("echo", "still here"), "still here");
});

Deno.test("Peer: notifications come in order, and a listener that throws harms nothing", async () => {
  const [a, b] = memoryPair();
  const seen: unknown[] = [];
  const errors: unknown[] = [];
  using server = new Peer(b, { onError: ignore, handlers: echo });
  using peer = new Peer(a, { onError: (_, error) => errors.push(error) });
  peer.onNotification("event", (params) => {
    if (params === 500) throw new Error("listener");
    seen.push(params);
  });
  for (let i = 0; i < 1000; i++) server.notify("event", i);
  server.notify("unheard");
  await peer.call("echo");
  assert.deepEqual(seen, Array.from({ length: 1000 }, (_, i) => i).filter((i) => i !== 500));
  assert.equal(errors.length, 1);
});

Deno.test("Peer: a notification runs the handler and is never answered, even when it fails", async () => {
  const [near, far] = memoryPair();
  let ran = 0;
  using _peer = new Peer(far, {
    onError: ignore,
    handlers: {
      fail: () => {
        ran++;
        throw new BerthError("Internal", "no");
      },
    },
  });
  assert.deepEqual(await exchange(near, '{"jsonrpc":"2.0","method":"fail"}'), []);
  assert.equal(ran, 1);
});

Deno.test("Peer: a connection that closes rejects calls, aborts the other end's and tells once", async () => {
  const [a, b] = memoryPair();
  let signal: AbortSignal | undefined;
  let closes = 0;
  const server = new Peer(b, {
    onError: ignore,
    handlers: {
      wait: (_, context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
    },
    onClose: () => closes++,
  });
  const peer = new Peer(a, { onError: ignore });
  const call = peer.call("wait");
  await until("the call has begun", () => signal !== undefined);
  assert.equal(signal?.aborted, false);
  peer.close();
  await assert.rejects(call, { kind: "Unavailable" });
  await server.closed;
  await peer.closed;
  assert.equal(signal?.aborted, true);
  server.close();
  assert.equal(closes, 1);
  await assert.rejects(peer.call("wait"), { kind: "Unavailable" });
  peer.notify("nothing happens");
});

Deno.test("Peer: bad lines are answered and the connection goes on", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const answers = await exchange(
    near,
    "{not json",
    "",
    new Uint8Array([0x22, 0xff, 0xfe, 0x22]), // "\xff\xfe" in quotes: JSON but for the UTF-8
    new Uint8Array([0, 1, 2, 3]),
    "null",
    "17",
    '{"jsonrpc":"1.0","method":"echo","id":5}',
    '{"jsonrpc":"2.0","method":"echo","id":{}}',
    '{"jsonrpc":"2.0","method":"echo"',
    '{"jsonrpc":"2.0","method":"__proto__","id":6}',
    request(7),
  );
  assert.deepEqual(answers.slice(0, -1).map(errorOf), [
    { id: null, code: -32700, kind: "ParseError" },
    { id: null, code: -32700, kind: "ParseError" },
    { id: null, code: -32700, kind: "ParseError" },
    { id: null, code: -32700, kind: "ParseError" },
    { id: null, code: -32600, kind: "InvalidRequest" },
    { id: null, code: -32600, kind: "InvalidRequest" },
    { id: 5, code: -32600, kind: "InvalidRequest" },
    { id: null, code: -32600, kind: "InvalidRequest" },
    { id: null, code: -32700, kind: "ParseError" },
    { id: 6, code: -32601, kind: "MethodNotFound" },
  ]);
  assert.deepEqual(answers.at(-1), { jsonrpc: "2.0", id: 7, result: null });
});

Deno.test("Peer: a line over 16 MiB gets -32600 with id null and the next line is answered", async () => {
  const [near, far] = memoryPair(1024 * 1024);
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const long = new Uint8Array(MAX_LINE + 1024 * 1024).fill(0x20);
  assert.deepEqual((await exchange(near, long, request(1))).map(errorOf), [
    { id: null, code: -32600, kind: "InvalidRequest" },
    { id: 1, code: undefined, kind: undefined },
  ]);
});

Deno.test("Peer: a line of just under 16 MiB goes through both ways", async () => {
  const [a, b] = memoryPair(1024 * 1024);
  using _server = new Peer(b, { onError: ignore, handlers: echo });
  using peer = new Peer(a, { onError: ignore });
  const text = "x".repeat(MAX_LINE - 100);
  assert.equal(await peer.call("echo", text), text);
});

Deno.test("Peer: answers are never answered, so two ends cannot talk in circles", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const answers = await exchange(
    near,
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    '{"jsonrpc":"2.0","id":1,"result":1}',
    '{"id":1,"error":"x"}',
    '[{"jsonrpc":"2.0","id":1,"result":1}]',
  );
  assert.deepEqual(answers, []);
});

Deno.test("Peer: malformed answers reject the call and nothing else", async () => {
  const [near, far] = memoryPair();
  using peer = new Peer(far, { onError: ignore });
  const broken = ['"error":"text"', '"error":{"code":"x","message":5,"data":[]}', '"error":[]'];
  for (const [i, error] of broken.entries()) {
    const call = peer.call("anything");
    await writeAll(near, new TextEncoder().encode(`{"jsonrpc":"2.0","id":${i + 1},${error}}\n`));
    await assert.rejects(call, { kind: "Internal" });
  }
});

Deno.test("Peer: as many requests as firstBurst says are answered in one write", async () => {
  const [near, far] = memoryPair();
  let writes = 0;
  const counted = { ...far, write: (bytes: Uint8Array) => (writes++, far.write(bytes)) };
  using _peer = new Peer(counted, { onError: ignore, handlers: echo, firstBurst: 3 });
  using client = new Peer(near, { onError: ignore });
  const params = ["connect", "events", "state"];
  assert.deepEqual(await Promise.all(params.map((one) => client.call("echo", [one]))), [
    ["connect"],
    ["events"],
    ["state"],
  ]);
  assert.equal(writes, 1);
});

Deno.test("Peer: 10,000 requests in one write are all answered", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, {
    onError: ignore,
    handlers: { ...echo, later: (params) => new Promise((done) => setTimeout(done, 1, params)) },
  });
  const lines = Array.from(
    { length: 10_000 },
    (_, i) => request(i, i % 10 === 0 ? "later" : "echo", { i }),
  );
  const answers = await exchange(near, lines.join("\n"));
  assert.deepEqual(
    answers.map((answer) => Object(answer)).sort((x, y) => x.id - y.id),
    lines.map((_, i) => ({ jsonrpc: "2.0", id: i, result: { i } })),
  );
});

Deno.test("Peer: 10,000 requests in one batch are answered by one array, too many by one error", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const batch = (n: number) => `[${Array.from({ length: n }, (_, i) => request(i)).join(",")}]`;
  const [all, tooMany] = await exchange(near, batch(10_000), batch(20_000));
  assert(Array.isArray(all));
  assert.equal(all.length, 10_000);
  assert.deepEqual(errorOf(tooMany), { id: null, code: -32600, kind: "InvalidRequest" });
});

Deno.test("Peer: a batch whose answers do not fit a line says so for those that do not", async () => {
  const [near, far] = memoryPair(1024 * 1024);
  using _peer = new Peer(far, {
    onError: ignore,
    handlers: { big: () => "x".repeat(6 * 1024 * 1024) },
  });
  const [answers] = await exchange(
    near,
    `[${[1, 2, 3].map((id) => request(id, "big")).join(",")}]`,
  );
  assert(Array.isArray(answers));
  assert.deepEqual(answers.map((answer) => errorOf(answer).kind), [
    undefined,
    undefined,
    "ResourceExhausted",
  ]);
});

Deno.test("Peer: requests beyond maxInFlight get ResourceExhausted, those that run go on", async () => {
  const [near, far] = memoryPair();
  const gate = Promise.withResolvers<void>();
  using peer = new Peer(far, {
    onError: ignore,
    handlers: { wait: () => gate.promise },
    maxInFlight: 2,
  });
  const answers = readMessages(near);
  await writeAll(
    near,
    new TextEncoder().encode(
      [1, 2, 3].map((id) => request(id, "wait") + "\n").join("") +
        '{"jsonrpc":"2.0","method":"wait"}\n',
    ),
  );
  await until("two calls are in flight", () => peer.inFlight === 2);
  near.closeWrite();
  gate.resolve();
  const kinds = (await answers).map((answer) => errorOf(answer).kind);
  assert.deepEqual(kinds, ["ResourceExhausted", undefined, undefined]);
});

Deno.test("Peer: what a request holds is free again once it has been answered", async () => {
  const [a, b] = memoryPair(1024 * 1024);
  using _server = new Peer(b, { onError: ignore, handlers: { take: () => "taken" } });
  using peer = new Peer(a, { onError: ignore });
  const params = "x".repeat(12 * 1024 * 1024);
  // More in all than may be held at a time.
  for (let round = 0; round < 7; round++) assert.equal(await peer.call("take", params), "taken");
});

Deno.test("Peer: what the answers of a batch hold is free again once they are sent", async () => {
  const [near, far] = memoryPair(1024 * 1024);
  const text = "x".repeat(12 * 1024 * 1024);
  using _peer = new Peer(far, { onError: ignore, handlers: { give: () => text } });
  const answers = await exchange(near, ...Array(7).fill(`[${request(1, "give")}]`));
  assert.equal(answers.length, 7);
});

Deno.test("Peer: the error of a call is not taken for the reason of an end that comes later", async () => {
  const [a, b] = memoryPair();
  const fail = () => {
    throw new NotFoundError("no container c1");
  };
  using server = new Peer(b, { onError: ignore, handlers: { fail } });
  using peer = new Peer(a, { onError: ignore });
  await assert.rejects(peer.call("fail"), NotFoundError);
  server.close();
  await peer.closed;
  const message = "cannot call fail: the connection is closed";
  await assert.rejects(peer.call("fail"), { kind: "Unavailable", message });
});

Deno.test("Peer: of a very long method name only the beginning is sent back", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const [answer] = await exchange(near, request(1, "x".repeat(100_000)));
  assert.equal(errorOf(answer).kind, "MethodNotFound");
  assert.ok(JSON.stringify(answer).length < 1000);
});

Deno.test("Peer: that the connection is gone is no error to log, any other failure to read is", async () => {
  for (
    const [error, logged] of [
      [new Deno.errors.ConnectionReset("gone"), 0],
      [new Deno.errors.BadResource("closed"), 0],
      [new TypeError("a bug"), 1],
    ] as const
  ) {
    const errors: unknown[] = [];
    const conn = {
      read: () => Promise.reject(error),
      write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
      close: () => {},
    };
    using peer = new Peer(conn, { onError: (_, error) => errors.push(error) });
    await peer.closed;
    assert.equal(errors.length, logged, error.name);
  }
});

Deno.test("Peer: requests of an end that does not read its answers are left unread", async () => {
  const [near, far] = memoryPair();
  let calls = 0;
  const handlers = { big: () => (calls++, "x".repeat(100_000)) };
  using peer = new Peer(far, { onError: ignore, handlers });
  const lines = Array.from({ length: 400 }, (_, i) => request(i, "big")).join("\n");
  const done = writeAll(near, new TextEncoder().encode(lines + "\n"));
  await until("a MiB of answers is queued", () => peer.queuedBytes > 1024 * 1024);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert(calls < 100, `${calls} requests were begun`);
  assert(peer.queuedBytes < 8 * 1024 * 1024);
  const answers = readMessages(near);
  await done;
  near.closeWrite();
  assert.equal((await answers).length, 400);
});

Deno.test("Peer: an end that does not read its notifications is cut off at 64 MiB", async () => {
  const [near, far] = memoryPair();
  const peer = new Peer(far, { onError: ignore });
  const text = "x".repeat(1024 * 1024);
  let sent = 0;
  for (; sent < 100 && !(await isSettled(peer.closed)); sent++) peer.notify("event", text);
  assert(sent >= 64 && sent <= 66, `${sent} MiB were taken`);
  assert.equal(peer.queuedBytes, 0);
  near.close();
});

Deno.test("Peer: an end that does not read is not called without bound", async () => {
  const [near, far] = memoryPair();
  using peer = new Peer(far, { onError: ignore });
  const params = ["x".repeat(8 * 1024 * 1024)];
  const calls = Array.from({ length: 20 }, () => peer.call("wait", params, { timeoutMs: 20 }));
  const kinds = (await Promise.allSettled(calls)).map((call) =>
    call.status === "rejected" && Object(call.reason).kind
  );
  assert.equal(kinds.filter((kind) => kind === "Unavailable").length, 12);
  assert.equal(kinds.filter((kind) => kind === "DeadlineExceeded").length, 8);
  assert(peer.queuedBytes < 80 * 1024 * 1024);
  near.close();
});

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), Promise.resolve().then(() => false)]);
}

Deno.test("Peer: a stalled end slows nobody else", async () => {
  const handlers = { big: () => "x".repeat(1024 * 1024), ...echo };
  const [stalled, far] = memoryPair();
  using _stuck = new Peer(far, { onError: ignore, handlers });
  await writeAll(stalled, new TextEncoder().encode(`${request(1, "big")}\n`.repeat(100)));
  const [a, b] = memoryPair();
  using _server = new Peer(b, { onError: ignore, handlers });
  using peer = new Peer(a, { onError: ignore });
  for (let i = 0; i < 100; i++) assert.equal(await peer.call("echo", i), i);
});

Deno.test("Peer: an end that only stops sending still gets its answers; then the connection ends", async () => {
  const [near, far] = memoryPair();
  const gate = Promise.withResolvers<string>();
  const peer = new Peer(far, { onError: ignore, handlers: { wait: () => gate.promise } });
  const answers = exchange(near, request(1, "wait"));
  await until("a call is in flight", () => peer.inFlight === 1);
  gate.resolve("done");
  assert.deepEqual(await answers, [{ jsonrpc: "2.0", id: 1, result: "done" }]);
  await peer.closed;
});

Deno.test("Peer: a last line without a newline is answered", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const answers = readMessages(near);
  await writeAll(near, new TextEncoder().encode(request(1)));
  near.closeWrite();
  assert.equal((await answers).length, 1);
});

Deno.test("Peer: an answer that is the last thing before the connection ends still counts", async () => {
  const [a, b] = memoryPair();
  using peer = new Peer(a, { onError: ignore });
  const asked = peer.call("last");
  await b.read(new Uint8Array(1024));
  await writeAll(b, new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"result":"word"}\n'));
  b.close();
  assert.equal(await asked, "word");
});

Deno.test("Peer: what the other end said before it closed is read, though it takes nothing more", async () => {
  const line = '{"jsonrpc":"2.0","id":null,"error":{"code":-32007,"message":"no room",' +
    '"data":{"kind":"ResourceExhausted"}}}\n';
  const lastWords = [new TextEncoder().encode(line)];
  const { promise, resolve } = Promise.withResolvers<void>();
  using peer = new Peer({
    read: async (bytes) => {
      await promise;
      const next = lastWords.shift();
      if (next === undefined) throw new Deno.errors.ConnectionReset();
      bytes.set(next);
      return next.length;
    },
    write: () => {
      setTimeout(resolve);
      return Promise.reject(new Deno.errors.BrokenPipe());
    },
    close: () => {},
  }, { onError: ignore });
  await assert.rejects(peer.call("echo"), { name: "UnavailableError", message: "no room" });
  await peer.closed;
});

Deno.test("Peer: an end that takes nothing more and says nothing is given up soon", async () => {
  const { promise, reject } = Promise.withResolvers<null>();
  using peer = new Peer({
    read: () => promise,
    write: () => Promise.reject(new Deno.errors.BrokenPipe()),
    close: () => reject(new Deno.errors.Interrupted()),
  }, { onError: ignore });
  await assert.rejects(peer.call("echo"), { name: "UnavailableError" });
  await peer.closed;
});

Deno.test("Peer: an end whose own calls wait to be sent still reads the answers that come", async () => {
  const [a, b] = memoryPair();
  using _server = new Peer(b, { onError: ignore, handlers: echo });
  using peer = new Peer(a, { onError: ignore });
  const params = "x".repeat(10_000);
  const calls = Array.from({ length: 2000 }, () => peer.call("echo", params));
  assert(peer.queuedBytes > 10 * 1024 * 1024);
  assert.equal((await Promise.all(calls)).length, 2000);
});

Deno.test("Peer: params, results and ids keep the digits of their integers", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: echo });
  const text = new Response(
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        const buffer = new Uint8Array(1024);
        const count = await near.read(buffer);
        if (count === null) controller.close();
        else controller.enqueue(buffer.subarray(0, count));
      },
    }),
  ).text();
  const members = '"id":18446744073709551615,"method":"echo","params":[9007199254740993]';
  await writeAll(near, new TextEncoder().encode(`{"jsonrpc":"2.0",${members}}\n`));
  near.closeWrite();
  assert.equal(
    await text,
    '{"jsonrpc":"2.0","id":18446744073709551615,"result":[9007199254740993]}\n',
  );
});
