// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ExitBarrier } from "./exit_barrier.ts";

Deno.test("ExitBarrier: the exit of init passes when the last block is disposed", () => {
  const barrier = new ExitBarrier();
  const first = barrier.block("exec");
  const second = barrier.block("event");
  let published = 0;
  assert.equal(barrier.pass(() => published++), false);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(published, 0, "a block counts once however often it is disposed");
  second[Symbol.dispose]();
  assert.equal(published, 1);
  assert.ok(barrier.passed);
  barrier.abandonExecs();
  assert.equal(published, 1);
});

Deno.test("ExitBarrier: without a block the exit of init passes at once", () => {
  const barrier = new ExitBarrier();
  assert.equal(barrier.pass(() => {}), true);
});

Deno.test("ExitBarrier: an exec can be abandoned, an event that has to come first cannot", () => {
  const barrier = new ExitBarrier();
  using _exec = barrier.block("exec");
  const start = barrier.block("event");
  let published = false;
  barrier.pass(() => published = true);
  barrier.abandonExecs();
  assert.ok(!published);
  start[Symbol.dispose]();
  assert.ok(published);
});
