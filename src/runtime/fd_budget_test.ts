// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ResourceExhaustedError } from "../rpc/errors.ts";
import { FdBudget } from "./fd_budget.ts";

Deno.test("FdBudget: creates leave the reserve, and count while they are under way", () => {
  const budget = new FdBudget(100, () => 40);
  const creates = ["a", "b", "c"].map((id) => budget.reserveCreate(id));
  assert.throws(() => budget.reserveCreate("d"), ResourceExhaustedError);
  assert.equal(budget.hasRoom(), true);
  creates[0]?.[Symbol.dispose]();
  budget.reserveCreate("d");
});

Deno.test("FdBudget: connections leave the reserve", () => {
  let used = 76;
  const budget = new FdBudget(100, () => used);
  assert.equal(budget.hasRoom(), true);
  used = 77;
  assert.equal(budget.hasRoom(), false);
});

Deno.test("FdBudget: containers that were there before leave the reserve", () => {
  const budget = new FdBudget(100, () => 56);
  budget.requireReconnect(10);
  assert.throws(() => budget.requireReconnect(11), /for 11 containers, .* its limit is 100 /);
});

Deno.test("FdBudget: counts what this process has open, wherever one is free", () => {
  assert.equal(new FdBudget().hasRoom(), true);
  using files = new DisposableStack();
  const [low] = Array.from({ length: 200 }, () => files.use(Deno.openSync("/dev/null")));
  // The fd that is opened next.
  low?.close();
  const { size } = Deno.statSync("/proc/self/fd");
  const used = size || Array.from(Deno.readDirSync("/proc/self/fd")).length;
  assert.equal(new FdBudget(used + 30).hasRoom(), true);
  assert.equal(new FdBudget(used + 10).hasRoom(), false);
});
