// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ShimEvent } from "../rpc/contract/shim.ts";
import { EventBuffer, MAX_KEPT } from "./event_buffer.ts";

Deno.test("EventBuffer: a subscriber gets what is kept, then what comes, in order and once", () => {
  const buffer = new EventBuffer();
  buffer.publish({ type: "create", pid: 1 });
  buffer.publish({ type: "start", pid: 1 });
  const got: ShimEvent[] = [];
  const subscription = buffer.subscribe(1, { event: (event) => void got.push(event) });
  buffer.publish({ type: "exit", pid: 1, exitStatus: 0 });
  subscription[Symbol.dispose]();
  buffer.publish({ type: "delete", pid: 1 });
  assert.deepEqual(got.map(({ seq, type }) => [seq, type]), [[2, "start"], [3, "exit"]]);
  assert.equal(buffer.latest, 4);
});

Deno.test("EventBuffer: acknowledged events are forgotten, others never", () => {
  const buffer = new EventBuffer();
  for (let count = 0; count < MAX_KEPT + 5; count++) {
    assert.equal(buffer.full, count >= MAX_KEPT);
    buffer.publish({ type: "start", pid: count });
  }
  buffer.ack(MAX_KEPT);
  assert.ok(!buffer.full);
  const got: number[] = [];
  buffer.subscribe(0, { event: ({ seq }) => void got.push(seq) });
  assert.deepEqual(got, [1, 2, 3, 4, 5].map((seq) => MAX_KEPT + seq));
  buffer.ack(Number.MAX_SAFE_INTEGER);
  buffer.publish({ type: "exit", pid: 1 });
  assert.equal(got.at(-1), MAX_KEPT + 6);
});
