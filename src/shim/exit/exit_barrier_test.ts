// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ExitBarrier } from "./exit_barrier.ts";

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
