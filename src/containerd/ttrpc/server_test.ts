// SPDX-License-Identifier: MIT
import fc from "fast-check";
import assert from "node:assert/strict";
import { concat } from "../../concat.ts";
import { decode, encode } from "../protobuf/codec.ts";
import { TtrpcClient } from "./client.ts";
import { encodeFrame, FRAME, FrameReader, MAX_DATA } from "./frame.ts";
import { CODE, Request, Response, TtrpcError } from "./messages.ts";
import { serveConnection, type TtrpcRouter } from "./server.ts";
import { pair, requests, sendAll, settled } from "./server_testing.ts";

const hang = (_payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

const router: TtrpcRouter = (service, method) => {
  if (service !== "test") return undefined;
  switch (method) {
    case "echo":
      return (payload) => Promise.resolve(payload);
    case "missing":
      return () => Promise.reject(new TtrpcError(CODE.notFound, "no such thing"));
    case "broken":
      return () => Promise.reject(new Error("broken"));
    case "hang":
      return hang;
    case "waited":
      return Object.assign((payload: Uint8Array) => Promise.resolve(payload), { waits: true });
    case "wait":
      return Object.assign(hang.bind(undefined), { waits: true });
  }
  return undefined;
};

/** Runs `use` with a client of a served connection. */
async function withClient(use: (client: TtrpcClient) => Promise<void>, piece?: number) {
  const [server, conn] = pair(piece);
  const served = serveConnection(server, router);
  using client = new TtrpcClient(conn);
  await use(client);
  client[Symbol.dispose]();
  await served;
}

const call = (client: TtrpcClient, method: string, payload = new Uint8Array()) =>
  client.call({ service: "test", method, payload });

/** Sends frames as they are, and reads one answer. */
async function answerTo(...frames: Uint8Array[]) {
  const [server, conn] = pair();
  const served = serveConnection(server, router);
  await sendAll(conn, frames);
  const frame = await new FrameReader((buffer) => conn.read(buffer)).next();
  conn.close();
  await served;
  assert.ok(frame?.data);
  return { stream: frame.stream, response: decode(Response, frame.data) };
}

function request(stream: number, method = "echo", flags = 0): Uint8Array {
  const data = encode(Request, { service: "test", method, payload: Uint8Array.of(7) });
  return encodeFrame({ stream, type: FRAME.request, flags, data });
}

Deno.test("serveConnection answers concurrent calls as they end", async () => {
  await withClient(async (client) => {
    const hanging = call(client, "hang");
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => call(client, "echo", Uint8Array.of(n))),
    );
    assert.deepEqual(answers.map((bytes) => bytes[0]), answers.map((_, n) => n));
    client[Symbol.dispose]();
    await assert.rejects(hanging, { code: CODE.unavailable });
  }, 3);
});

Deno.test("serveConnection answers other calls beside very many that wait, and refuses more of these", async () => {
  await withClient(async (client) => {
    const wait = () => call(client, "wait");
    const waits = Array.from({ length: 4096 }, () => assert.rejects(wait(), { code: 14 }));
    assert.deepEqual(await call(client, "echo", Uint8Array.of(1)), Uint8Array.of(1));
    await assert.rejects(wait(), { code: CODE.resourceExhausted });
    assert.deepEqual(await call(client, "echo", Uint8Array.of(2)), Uint8Array.of(2));
    client[Symbol.dispose]();
    await Promise.all(waits);
  }, 65_536);
});

Deno.test("serveConnection counts a call that waits no longer than it does", async () => {
  await withClient(async (client) => {
    const payload = Uint8Array.of(1);
    // More than may wait at a time, one after another.
    for (let n = 0; n < 4100; n++) assert.deepEqual(await call(client, "waited", payload), payload);
  }, 65_536);
});

Deno.test("serveConnection reads no more while a client leaves 16 MiB of answers unread", async () => {
  const [server, conn] = pair(65_536);
  const calls = 40, size = 1024 * 1024;
  let taken = 0;
  const served = serveConnection(server, () => (payload) => {
    taken++;
    return Promise.resolve(payload);
  });
  const sent = sendAll(conn, requests(calls, new Uint8Array(size)));
  // One answer is being written, and one call more may have been read.
  const before = await settled(() => taken);
  assert.ok(before >= 16 && before <= 18, `${before} calls`);
  const frames = new FrameReader((buffer) => conn.read(buffer));
  for (let n = 0; n < calls; n++) {
    const { stream, data } = await frames.next() ?? {};
    assert.equal(stream, 2 * n + 1);
    assert.equal(decode(Response, data ?? new Uint8Array()).payload.length, size);
  }
  assert.equal(taken, calls);
  await sent;
  conn.close();
  await served;
});

Deno.test("serveConnection has 1,024 calls of a connection under way, and reads more as they end", async () => {
  const [server, conn] = pair(65_536);
  const running: (() => void)[] = [];
  let started = 0;
  const served = serveConnection(server, () => () => {
    started++;
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    running.push(() => resolve(new Uint8Array()));
    return promise;
  });
  const sent = sendAll(conn, requests(1030));
  assert.equal(await settled(() => started), 1024);
  const frames = new FrameReader((buffer) => conn.read(buffer));
  for (let ended = 1; ended <= 1030; ended++) {
    running.shift()?.();
    assert.equal((await frames.next())?.stream, 2 * ended - 1);
    if (ended <= 6) assert.equal(await settled(() => started), 1024 + ended);
  }
  await sent;
  conn.close();
  await served;
});

Deno.test("serveConnection carries 4 MiB less a header and no more", async () => {
  await withClient(async (client) => {
    assert.equal(MAX_DATA, 4 * 1024 * 1024);
    const large = new Uint8Array(MAX_DATA - 100).fill(5);
    assert.deepEqual(await call(client, "echo", large), large);
    const tooLarge = call(client, "echo", new Uint8Array(MAX_DATA));
    await assert.rejects(tooLarge, { code: CODE.resourceExhausted });
    assert.deepEqual(await call(client, "echo", Uint8Array.of(1)), Uint8Array.of(1));
  }, 65_536);
});

Deno.test("FrameReader takes 4 MiB, passes over a byte more, and goes on behind it", async () => {
  const frames = [MAX_DATA, MAX_DATA + 1, 1].map((length, n) =>
    encodeFrame({ stream: n, type: FRAME.request, data: new Uint8Array(length) })
  );
  let rest = concat(frames);
  const reader = new FrameReader((buffer) => {
    const part = rest.subarray(0, buffer.length);
    buffer.set(part);
    rest = rest.subarray(part.length);
    return Promise.resolve(part.length === 0 ? null : part.length);
  });
  const read = [];
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    read.push([frame.stream, frame.data?.length]);
  }
  assert.deepEqual(read, [[0, MAX_DATA], [1, undefined], [2, 1]]);
});

Deno.test("FrameReader takes one read for a short frame, and none for what came with it", async () => {
  const frame = (stream: number) =>
    encodeFrame({ stream, type: FRAME.request, data: new Uint8Array(100 * stream) });
  const came = [concat([frame(1)]), concat([frame(3), frame(5)])];
  let reads = 0;
  const frames = new FrameReader((buffer) => {
    reads++;
    const bytes = came.shift();
    if (bytes === undefined) return Promise.resolve(null);
    buffer.set(bytes);
    return Promise.resolve(bytes.length);
  });
  for (const [stream, after] of [[1, 1], [3, 2], [5, 2]] as const) {
    const next = await frames.next();
    assert.deepEqual([next?.stream, next?.data?.length, reads], [stream, 100 * stream, after]);
  }
  assert.equal(await frames.next(), undefined);
});

Deno.test("serveConnection tells errors by their codes", async () => {
  await withClient(async (client) => {
    await assert.rejects(call(client, "missing"), {
      code: CODE.notFound,
      message: "no such thing",
    });
    await assert.rejects(call(client, "broken"), { code: CODE.unknown, message: "broken" });
    await assert.rejects(call(client, "nope"), { code: CODE.unimplemented });
    const other = client.call({ service: "other", method: "echo", payload: new Uint8Array() });
    await assert.rejects(other, { code: CODE.unimplemented });
  });
});

Deno.test("serveConnection refuses streams that are even or do not grow, and data of none", async () => {
  const even = await answerTo(request(2));
  assert.equal(even.response.status?.code, CODE.invalidArgument);
  const [server, conn] = pair();
  const served = serveConnection(server, router);
  const frames = new FrameReader((buffer) => conn.read(buffer));
  const codes = [];
  for (const frame of [request(5), request(5), request(3), request(9)]) {
    await conn.write(frame);
    const answer = await frames.next();
    codes.push(decode(Response, answer?.data ?? new Uint8Array()).status?.code ?? CODE.ok);
  }
  conn.close();
  await served;
  const bad = CODE.invalidArgument;
  assert.deepEqual(codes, [CODE.ok, bad, bad, CODE.ok]);
  const data = encodeFrame({ stream: 1, type: FRAME.data, data: new Uint8Array() });
  assert.equal((await answerTo(data)).response.status?.code, CODE.invalidArgument);
});

Deno.test("serveConnection passes over frames of unknown types", async () => {
  const unknown = encodeFrame({ stream: 1, type: 77, data: Uint8Array.of(1, 2, 3) });
  const { stream, response } = await answerTo(unknown, request(1));
  assert.equal(stream, 1);
  assert.deepEqual(response.payload, Uint8Array.of(7));
});

Deno.test("serveConnection gives a call up when its time-out is over", async () => {
  const data = encode(Request, { service: "test", method: "hang", timeout_nano: 1_000_000n });
  const { response } = await answerTo(encodeFrame({ stream: 1, type: FRAME.request, data }));
  assert.equal(response.status?.code, CODE.deadlineExceeded);
});

Deno.test("serveConnection gives a call the time that it asks for, in nanoseconds; without one any", async () => {
  let aborted = 0;
  const late: TtrpcRouter = () => async (payload, signal) => {
    signal.addEventListener("abort", () => aborted++);
    // Longer than the time-out of no time would be.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    return payload;
  };
  const [server, conn] = pair();
  const served = serveConnection(server, late);
  const frames = new FrameReader((buffer) => conn.read(buffer));
  const payload = Uint8Array.of(7);
  const minute = 60_000_000_000n;
  for (const [n, timeout_nano] of [0n, -1n, minute].entries()) {
    const data = encode(Request, { service: "test", method: "late", payload, timeout_nano });
    await conn.write(encodeFrame({ stream: 2 * n + 1, type: FRAME.request, data }));
    const { data: answer } = await frames.next() ?? {};
    assert.deepEqual(decode(Response, answer ?? new Uint8Array()).payload, payload);
  }
  assert.equal(aborted, 0);
  // 20 milliseconds.
  const data = encode(Request, { service: "test", method: "hang", timeout_nano: 20_000_000n });
  const begun = performance.now();
  const { response } = await answerTo(encodeFrame({ stream: 1, type: FRAME.request, data }));
  assert.equal(response.status?.code, CODE.deadlineExceeded);
  assert.ok(performance.now() - begun < 10_000);
  conn.close();
  await served;
});

Deno.test("TtrpcClient stops waiting for a call that is aborted", async () => {
  await withClient(async (client) => {
    const abort = new AbortController();
    const { signal } = abort;
    const hanging = client.call({
      service: "test",
      method: "hang",
      payload: new Uint8Array(),
      signal,
    });
    abort.abort(new Error("enough"));
    await assert.rejects(hanging, /enough/);
    assert.deepEqual(await call(client, "echo", Uint8Array.of(1)), Uint8Array.of(1));
  });
});

Deno.test("serveConnection ends when calls cannot be answered and the connection is closed already", async () => {
  const gone = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  const [server, conn] = pair();
  let closed = 0;
  const close = () => {
    if (++closed > 1) throw new Deno.errors.BadResource("Bad resource ID");
    server.close();
  };
  const served = serveConnection(
    { read: (buffer) => server.read(buffer), write: gone, close },
    router,
  );
  for (const stream of [1, 3, 5]) {
    const data = encode(Request, { service: "test", method: "echo" });
    await conn.write(encodeFrame({ stream, type: FRAME.request, data }));
  }
  await served;
  assert.ok(closed > 1);
});

Deno.test("serveConnection survives any bytes", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
    const [server, conn] = pair();
    const served = serveConnection(server, router);
    // As data of a request, and as they are.
    await conn.write(encodeFrame({ stream: 1, type: FRAME.request, data: bytes }));
    await conn.write(bytes);
    conn.close();
    await served;
  }));
});
