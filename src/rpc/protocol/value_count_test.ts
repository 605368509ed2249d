// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { countValues } from "./value_count.ts";

const encoder = new TextEncoder();

function count(text: string, max = Infinity): number {
  return countValues(encoder.encode(text), max);
}

/** Values of an array or object and all below. */
function valuesIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + valuesIn(inner), 1);
}

Deno.test("countValues is never below the number of values, and at most twice that", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.boolean(), (value, indented) => {
    const text = JSON.stringify(value, undefined, indented ? 2 : undefined);
    const counted = count(text);
    const real = valuesIn(value);
    assert(counted >= real && counted <= 2 * real, `${counted} for ${real} in ${text}`);
  }));
});

Deno.test("countValues passes over strings, whatever is in them", () => {
  assert.equal(count('"[{,,,\\",,[[\\\\"'), 1);
  assert.equal(count('["\\\\",",,"]'), 3);
  assert.equal(count('"' + '\\"'.repeat(100_000)), 1);
  assert.equal(count("[[[["), 5);
});

Deno.test("countValues stops above its maximum", () => {
  assert.equal(count("[" + "1,".repeat(1000) + "1]", 10), 11);
});
