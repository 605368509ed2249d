// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fit, formatTable } from "./table.ts";

Deno.test("columns are as wide as their widest cell and figures stand on the right", () => {
  assert.deepEqual(
    formatTable(["ID", "PID", "COMMAND"], [["a", "7", "sh"], ["longer", "1234", "sleep 1"]], {
      right: [1],
    }),
    [
      "ID        PID   COMMAND",
      "a           7   sh",
      "longer   1234   sleep 1",
    ],
  );
});

Deno.test("lines are cut to the width of the screen", () => {
  assert.deepEqual(formatTable(["ID", "COMMAND"], [["a", "sleep 1000"]], { width: 10 }), [
    "ID   COMM…",
    "a    slee…",
  ]);
  assert.equal(fit("abc", 3), "abc");
  assert.equal(fit("abcd", 3), "ab…");
  assert.equal(fit("abcd", 0), "");
});

Deno.test("control characters of a container's command do not reach the terminal", () => {
  assert.deepEqual(formatTable(["C"], [["a\u001b[2Jb\nc"]]), ["C", "a [2Jb c"]);
});

Deno.test("a table without rows is its header", () => {
  assert.deepEqual(formatTable(["ID"], []), ["ID"]);
});
