// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readTestCounts, splitArgs } from "./test_run.ts";

Deno.test("readTestCounts: counts are read from the last summary, colors, steps and skipped tests aside", () => {
  assert.deepEqual(readTestCounts("ok | 3 passed | 0 failed (2ms)\n"), { passed: 3, failed: 0 });
  const colored = "ok | 1 passed | 0 failed\n" +
    "\x1b[31mFAILED\x1b[0m | 12 passed (4 steps) | 2 failed (1 step) | 1 ignored (85ms)\n";
  assert.deepEqual(readTestCounts(colored), { passed: 12, failed: 2 });
  assert.equal(readTestCounts("error: No test modules found\n"), undefined);
});

Deno.test("splitArgs: files are told from flags and from the value of --filter", () => {
  const exists = (path: string) => ["tests", "src/x_test.ts"].includes(path);
  assert.deepEqual(
    splitArgs(["src/x_test.ts", "--filter", "tests", "--fail-fast", "tests"], exists),
    { paths: ["src/x_test.ts", "tests"], flags: ["--filter", "tests", "--fail-fast"] },
  );
});
