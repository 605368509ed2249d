// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { absolutePathEntries, pickEnvironment } from "./environment.ts";

Deno.test("absolutePathEntries: relative and empty entries are ignored", () => {
  assert.equal(absolutePathEntries("/a::b:/c/d:.:"), "/a:/c/d");
  for (const none of [undefined, "", ":", "bin"]) {
    assert.match(absolutePathEntries(none), /:\/usr\/bin:/);
  }
});

Deno.test("pickEnvironment: takes what is set, and nothing else", () => {
  Deno.env.set("BERTH_TEST_A", "");
  Deno.env.delete("BERTH_TEST_B");
  assert.deepEqual(pickEnvironment(["BERTH_TEST_A", "BERTH_TEST_B"]), { BERTH_TEST_A: "" });
});
