// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ownTimeout } from "./stop.ts";

Deno.test("ownTimeout: a shutdown never waits forever", () => {
  const timeouts = (shutdown: boolean) =>
    [{}, { stopTimeout: 300 }, { stopTimeout: -1 }].map((record) => ownTimeout(record, shutdown));
  assert.deepEqual(timeouts(false), [10, 300, -1]);
  assert.deepEqual(timeouts(true), [10, 300, 100]);
});
