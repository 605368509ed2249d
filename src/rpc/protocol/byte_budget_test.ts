// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ByteBudget } from "./byte_budget.ts";

Deno.test("ByteBudget closes who holds much for long, not who holds little or comes last", async () => {
  const budget = new ByteBudget(1000);
  const closed: string[] = [];
  const open = (name: string) => budget.open(() => closed.push(name));
  const [idle, small, stalled, reader] = ["idle", "small", "stalled", "reader"].map(open);
  small!.add(10);
  stalled!.add(600);
  await new Promise((resolve) => setTimeout(resolve, 5));
  reader!.add(700);
  assert.deepEqual(closed, ["stalled"]);
  assert.equal(budget.used, 710);
  stalled!.add(5000);
  assert.equal(budget.used, 710, "what a closed account counts does not matter");
  idle!.add(290);
  assert.deepEqual(closed, ["stalled"]);
  reader!.add(2000);
  assert.deepEqual(closed, ["stalled", "reader"], "nobody else has to go for it");
  assert.equal(budget.used, 300);
});

Deno.test("ByteBudget takes bytes that are given back, and forgets closed accounts", () => {
  const budget = new ByteBudget(100);
  for (let i = 0; i < 1000; i++) {
    const account = budget.open(() => assert.fail("nobody is over"));
    account.add(90);
    account.add(-40);
    account.close();
  }
  assert.equal(budget.used, 0);
});
