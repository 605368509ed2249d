// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readTestCounts, splitArgs, tellFailed } from "./test_run.ts";

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

Deno.test("tellFailed: names come before messages, of each run that has failed, and no more lines than asked for", () => {
  const red = (name: string, lines: number) => ({
    passed: 3,
    failed: 1,
    output:
      `${name} ... \x1b[31mFAILED\x1b[0m (2ms)\n\n\x1b[1m ERRORS \x1b[0m\n\n${name} => ./a_test.ts:1:6\n` +
      "error: Error: no\n".repeat(lines) +
      `\n FAILURES \n\n${name} => ./a_test.ts:1:6\n\nFAILED | 3 passed | 1 failed (2ms)\n\n`,
  });
  const green = { passed: 1, failed: 0, output: "d ... ok\n\nok | 1 passed | 0 failed (2ms)\n" };
  const hung = { passed: 0, failed: 1, output: "b ... ok (2ms)\nc ...\n" };
  const [one, two] = ["one => ./a_test.ts:1:6", "two => ./a_test.ts:1:6"];
  assert.deepEqual(tellFailed([green]), []);
  const told = tellFailed([red("one", 1), green, hung, red("two", 2)]).filter(Boolean);
  const said = "error: Error: no";
  assert.deepEqual(told, [one, two, one, said, "b ... ok (2ms)", "c ...", two, said, said]);
  assert.equal(tellFailed([red("one", 100), red("two", 100)]).length, 60);
  assert.deepEqual(tellFailed([red("one", 100), red("two", 1)], 10).slice(0, 2), [one, two]);
});
