// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withDefaultSwap } from "./default_swap.ts";

Deno.test("withDefaultSwap allows as much swap as memory, where that can be limited", () => {
  const m = 1024 ** 2;
  assert.deepEqual(withDefaultSwap({ memory: { limit: 64 * m } }, true), {
    memory: { limit: 64 * m, swap: 128 * m },
  });
  for (const memory of [{ limit: 64 * m, swap: -1 }, { limit: -1 }, { reservation: m }]) {
    assert.deepEqual(withDefaultSwap({ memory }, true), { memory });
  }
  assert.deepEqual(withDefaultSwap({ memory: { limit: m } }, false), { memory: { limit: m } });
  assert.deepEqual(withDefaultSwap({}, true), {});
});
