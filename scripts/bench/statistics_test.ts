// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { quantile, summarize } from "./statistics.ts";

Deno.test("quantile: the median of an odd number of samples is the middle one, in whatever order", () => {
  assert.equal(quantile([9, 1, 5], 0.5), 5);
});

Deno.test("quantile: the median of an even number of samples lies between the middle two", () => {
  assert.equal(quantile([1, 2, 10, 100], 0.5), 6);
});

Deno.test("quantile: quantiles interpolate, and end at the smallest and the largest sample", () => {
  assert.equal(quantile([0, 10, 20, 30, 40], 0.25), 10);
  assert.equal(quantile([0, 10], 0.25), 2.5);
  assert.equal(quantile([3, 1, 2], 0), 1);
  assert.equal(quantile([3, 1, 2], 1), 3);
});

Deno.test("summarize: a summary leaves its samples as they were", () => {
  const samples = [4, 2, 3];
  assert.deepEqual(summarize(samples), {
    count: 3,
    median: 3,
    p25: 2.5,
    p75: 3.5,
    min: 2,
    max: 4,
  });
  assert.deepEqual(samples, [4, 2, 3]);
});

Deno.test("quantile: no samples, a bad sample and a bad share are errors, not figures", () => {
  assert.throws(() => quantile([], 0.5), /no samples/);
  assert.throws(() => quantile([1, NaN], 0.5), /not a finite number/);
  assert.throws(() => quantile([1], 1.5), /not between 0 and 1/);
});
