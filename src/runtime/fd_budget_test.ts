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
  let next = 76;
  const budget = new FdBudget(100, () => next);
  assert.equal(budget.hasRoom(), true);
  next = 77;
  assert.equal(budget.hasRoom(), false);
});

Deno.test("FdBudget: containers that were there before leave the reserve", () => {
  const budget = new FdBudget(100, () => 56);
  budget.requireReconnect(10);
  assert.throws(() => budget.requireReconnect(11), /for 11 containers, .* its limit is 100 /);
});

Deno.test("FdBudget: counts what this process may still open", () => {
  assert.equal(new FdBudget().hasRoom(), true);
});
