// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseUlimit } from "./ulimits.ts";

Deno.test("parseUlimit: a limit is taken with and without a hard one", () => {
  assert.deepEqual(parseUlimit("nofile=1024:2048"), {
    type: "RLIMIT_NOFILE",
    soft: 1024,
    hard: 2048,
  });
  assert.deepEqual(parseUlimit("core=0"), { type: "RLIMIT_CORE", soft: 0, hard: 0 });
  const { soft, hard } = parseUlimit("memlock=-1");
  assert.deepEqual([soft, hard], [2n ** 64n - 1n, 2n ** 64n - 1n]);
  assert.equal(parseUlimit("core=9007199254740993").soft, 9007199254740993n);
  for (
    const bad of [
      "",
      "nofile",
      "nofile=",
      "files=1",
      "nofile=2:1",
      "nofile=-2",
      "nofile=1:2:3",
      "core=18446744073709551616",
    ]
  ) assert.throws(() => parseUlimit(bad), bad);
});
