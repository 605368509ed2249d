// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ExitBarrier, ExitFuture } from "./exit_barrier.ts";

const EXIT = { exitStatus: 3, exitedAt: "2026-01-01T00:00:00.000Z" };

Deno.test("the exit of init passes when the last hold is released", () => {
  const gate = new ExitBarrier();
  const first = gate.block();
  const second = gate.block();
  let published = 0;
  assert.equal(gate.pass(() => published++), false);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(published, 0, "a hold counts once however often it is released");
  second[Symbol.dispose]();
  assert.equal(published, 1);
  assert.ok(gate.passed);
  gate.force();
  assert.equal(published, 1);
});

Deno.test("the exit of init passes at once without a hold, and when forced", () => {
  const free = new ExitBarrier();
  assert.equal(free.pass(() => {}), true);
  const held = new ExitBarrier();
  using _hold = held.block();
  let published = false;
  held.pass(() => published = true);
  held.force();
  assert.ok(published);
});

Deno.test("everybody who waits for an exit is told, unless they gave up", async () => {
  const exit = new ExitFuture();
  const abort = new AbortController();
  const waits = [exit.wait(), exit.wait(abort.signal), exit.wait(new AbortController().signal)];
  abort.abort(new Error("gone"));
  exit.resolve(EXIT);
  const results = await Promise.allSettled(waits);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(await exit.wait(), EXIT);
  assert.deepEqual(exit.value, EXIT);
});
