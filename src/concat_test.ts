// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { concat } from "./concat.ts";

Deno.test("concat: the parts follow one another, empty ones too", () => {
  const parts = [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)];
  assert.deepEqual(concat(parts), Uint8Array.of(1, 2, 3));
  assert.deepEqual(concat([]), new Uint8Array());
});
