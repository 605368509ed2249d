// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { heapInUse } from "../../../tests/harness/memory.ts";
import { until } from "../../../tests/harness/poll.ts";
import type { Handlers } from "./handler.ts";
import { Peer } from "./peer.ts";
import { exchange, ignore, memoryPair, readMessages, writeAll } from "./peer_testing.ts";

/** A handler that waits until its signal is aborted, and what such handlers were aborted with. */
function waiting(): { handlers: Handlers; reasons: unknown[] } {
  const reasons: unknown[] = [];
  const handlers: Handlers = {
    echo: (params) => params,
    wait: (_, { signal }) =>
      new Promise((_, reject) => {
        const abort = () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        };
        if (signal.aborted) abort();
        else signal.addEventListener("abort", abort);
      }),
    deaf: () => new Promise(() => {}),
  };
  return { handlers, reasons };
}

function line(message: object): string {
  return JSON.stringify({ jsonrpc: "2.0", ...message });
}

const CANCEL = "$/cancelRequest";

Deno.test("cancel: $/cancelRequest aborts the handler's signal and answers the request with Cancelled", async () => {
  const [near, far] = memoryPair();
  const { handlers, reasons } = waiting();
  using _peer = new Peer(far, { onError: ignore, handlers });
  const answers = await exchange(
    near,
    line({ id: "a", method: "wait" }),
    line({ method: CANCEL, params: { id: "a" } }),
    line({ id: 2, method: "echo" }),
  );
  const kinds = answers.map((answer) => [Object(answer).id, Object(answer).error?.data.kind]);
  assert.deepEqual(kinds.sort(), [[2, undefined], ["a", "Cancelled"]]);
  assert.equal(Object(answers.find((one) => Object(one).id === "a")).error.code, -32800);
  assert.equal(Object(reasons[0]).kind, "Cancelled");
});

Deno.test("cancel: $/cancelRequest answers at once for a handler that does not listen, and once only", async () => {
  const [near, far] = memoryPair();
  const gate = Promise.withResolvers<string>();
  using peer = new Peer(far, { onError: ignore, handlers: { slow: () => gate.promise } });
  const answers = readMessages(near);
  const lines = [
    line({ id: 1, method: "slow" }),
    line({ method: CANCEL, params: { id: 1 } }),
    line({ method: CANCEL, params: { id: 1 } }),
  ];
  await writeAll(near, new TextEncoder().encode(lines.join("\n") + "\n"));
  await until("both cancels are handled", () => peer.queuedBytes === 0 && peer.inFlight === 1);
  gate.resolve("late");
  near.closeWrite();
  const [only, ...more] = await answers;
  assert.equal(Object(only).error.data.kind, "Cancelled");
  assert.deepEqual(more, []);
});

Deno.test("cancel: $/cancelRequest within a batch leaves the batch's other answers", async () => {
  const [near, far] = memoryPair();
  const { handlers } = waiting();
  using _peer = new Peer(far, { onError: ignore, handlers });
  const [answers] = await exchange(
    near,
    `[${line({ id: 1, method: "wait" })},${line({ id: 2, method: "echo", params: [3] })}]`,
    line({ method: CANCEL, params: { id: 1 } }),
  );
  assert(Array.isArray(answers));
  const byId = new Map(answers.map((answer) => [Object(answer).id, Object(answer)]));
  assert.equal(byId.get(1).error.data.kind, "Cancelled");
  assert.deepEqual(byId.get(2).result, [3]);
});

Deno.test("cancel: $/cancelRequest of nothing, and of nonsense, is passed over", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers: { echo: (params) => params } });
  const answers = await exchange(
    near,
    ...[{ id: 7 }, { id: null }, { id: {} }, {}, [1], 5].map((params) =>
      line({ method: CANCEL, params })
    ),
    line({ method: CANCEL }),
    line({ id: 1, method: "echo" }),
  );
  assert.deepEqual(answers, [{ jsonrpc: "2.0", id: 1, result: null }]);
});

Deno.test("cancel: a call that is aborted or late is canceled at the other end", async () => {
  const [a, b] = memoryPair();
  const { handlers, reasons } = waiting();
  using server = new Peer(b, { onError: ignore, handlers });
  using peer = new Peer(a, { onError: ignore });
  await assert.rejects(peer.call("wait", {}, { timeoutMs: 1 }), { kind: "DeadlineExceeded" });
  await until("the late call is aborted", () => reasons.length === 1);
  const controller = new AbortController();
  const aborted = peer.call("wait", {}, { signal: controller.signal });
  await until("a call is in flight", () => server.inFlight === 1);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  await until("the call is aborted", () => reasons.length === 2 && server.inFlight === 0);
});

Deno.test("cancel: a connection that ends aborts every call on it, also those of one id", async () => {
  const [near, far] = memoryPair();
  const { handlers, reasons } = waiting();
  const peer = new Peer(far, { onError: ignore, handlers });
  const request = line({ id: 1, method: "wait" }) + "\n";
  await writeAll(near, new TextEncoder().encode(request.repeat(3)));
  await until("three calls are in flight", () => peer.inFlight === 3);
  peer.close();
  assert.deepEqual(reasons.map((reason) => Object(reason).kind), Array(3).fill("Unavailable"));
});

Deno.test("cancel: a connection works on after 20,000 abandoned waits, which leave nothing", async () => {
  const [a, b] = memoryPair();
  let aborted = 0;
  using server = new Peer(b, {
    onError: ignore,
    handlers: {
      echo: (params) => params,
      wait: (_, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            aborted++;
            reject(signal.reason);
          })
        ),
    },
  });
  using peer = new Peer(a, { onError: ignore });
  let heap = 0;
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController();
    const calls = Array.from({ length: 1000 }, () => {
      return peer.call("wait", {}, { signal: AbortSignal.any([controller.signal]) });
    });
    controller.abort(new Error("enough"));
    await Promise.allSettled(calls);
    await until(
      "every call is aborted",
      () => aborted === (round + 1) * 1000 && server.inFlight === 0,
    );
    if (round === 2) heap = heapInUse();
  }
  assert.equal(await peer.call("echo", "on"), "on");
  const growth = heapInUse() - heap;
  assert(growth < 4 * 1024 * 1024, `the heap grew by ${growth} bytes`);
});
