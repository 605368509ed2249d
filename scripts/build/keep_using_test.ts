// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { keepUsing } from "./keep_using.ts";

Deno.test("keepUsing: each using gets a second variable, and nothing else changes", () => {
  assert.equal(
    keepUsing("const a = 1;\n{ using b = f({\n  using: 2 });\n  await using c = `using d = 1;`; }"),
    "const a = 1;\n{ using b = f({\n  using: 2 }), _kept0 = null;\n" +
      "  await using c = `using d = 1;`, _kept1 = null; }",
  );
  const none = "for (using a of b) { const using = 1; }";
  assert.equal(keepUsing(none), none);
});
