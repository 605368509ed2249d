// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { Peer } from "./peer.ts";
import { exchange, ignore, memoryPair } from "./peer_testing.ts";

/** Runs `body`; fails if any promise was rejected with nobody to hear it. */
async function withoutUnhandled(body: () => Promise<void>): Promise<void> {
  const unhandled: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await body();
    // The event comes in a later turn of the event loop than the rejection.
    await new Promise((resolve) => setTimeout(resolve, 0));
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  assert.deepEqual(unhandled, []);
}

/** Handlers that fail in every way there is. */
const handlers = {
  echo: (params: unknown) => params,
  throws: () => {
    throw new Error("thrown");
  },
  rejects: () => Promise.reject(new Error("rejected")),
  nothing: () => Promise.reject(undefined),
  cycle: () => {
    const cycle: Record<string, unknown> = {};
    return cycle.self = cycle;
  },
};

const member = fc.constantFrom("jsonrpc", "method", "params", "id", "result", "error", "__proto__");
const value = fc.oneof(
  fc.constantFrom("2.0", ...Object.keys(handlers), "rpc.x", null, 0, -1, "", {}, []),
  fc.jsonValue({ maxDepth: 2 }),
);
/** Messages that are nearly right. */
const message = fc.dictionary(member, value).map((m) => ({ jsonrpc: "2.0", ...m }));
const line: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.string(),
  message.map((m) => JSON.stringify(m)),
  fc.array(message).map((m) => JSON.stringify(m)),
  fc.json(),
);

Deno.test("flood: nothing that can be sent breaks a connection or leaves a rejection unhandled", async () => {
  await withoutUnhandled(() =>
    fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 64 }), async (lines, capacity) => {
        const [near, far] = memoryPair(capacity);
        using _peer = new Peer(far, { onError: ignore, handlers });
        const last = '{"jsonrpc":"2.0","id":"last","method":"echo","params":["alive"]}';
        const answers = await exchange(near, ...lines, last);
        assert(answers.some((answer) => Object(answer).id === "last"));
      }),
      { numRuns: 300 },
    )
  );
});

Deno.test("flood: calls, answers and ends that come at any moment leave no rejection unhandled", async () => {
  await withoutUnhandled(async () => {
    for (let round = 0; round < 80; round++) {
      const [a, b] = memoryPair(50);
      const left = new Peer(a, { onError: ignore, handlers });
      const right = new Peer(b, { onError: ignore, handlers });
      const calls = Object.keys(handlers).flatMap((name) => [
        left.call(name, { round }),
        right.call(name, { round }, { timeoutMs: 1 }),
      ]);
      left.notify("throws");
      for (let i = 0; i < round % 20; i++) await Promise.resolve();
      (round % 2 === 0 ? left : right).close();
      await Promise.allSettled(calls);
      await Promise.all([left.closed, right.closed]);
    }
  });
});

Deno.test("flood: deeply nested JSON of megabytes is survived", async () => {
  const [near, far] = memoryPair(1024 * 1024);
  using _peer = new Peer(far, { onError: ignore, handlers });
  const depth = 1_000_000;
  const nested = "[".repeat(depth) + "]".repeat(depth);
  const answers = await exchange(
    near,
    "[".repeat(depth),
    nested,
    `{"jsonrpc":"2.0","id":1,"method":"echo","params":${nested}}`,
    '{"jsonrpc":"2.0","id":2,"method":"echo"}',
  );
  assert.equal(answers.length, 4);
  assert(answers.some((answer) => Object(answer).id === 2));
});

Deno.test("flood: integers of many digits are refused where each takes the time of very many values", async () => {
  const [near, far] = memoryPair();
  using _peer = new Peer(far, { onError: ignore, handlers, limitValues: true });
  const call = (params: string) => `{"jsonrpc":"2.0","id":1,"method":"echo","params":${params}}`;
  const many = (value: string, count: number) => `[${Array(count).fill(value).join()}]`;
  const refusal = (answer: unknown) => /"detail":"([^"]*)"/.exec(JSON.stringify(answer))?.[1];
  const answers = await exchange(
    near,
    call(many("18446744073709551615", 390_000)),
    call(`[${"9".repeat(15_000_000)}]`),
    call(many("1", 390_000)),
  );
  assert.deepEqual(answers.map(refusal), [
    "a line with 16 digits in a row holds more than 100000 values",
    "the line is refused: an integer has more than 400 digits",
    undefined,
  ]);
});
