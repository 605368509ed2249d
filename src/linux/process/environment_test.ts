// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { absolutePath, pickEnvironment } from "./environment.ts";

Deno.test("absolutePath: relative and empty entries are ignored", () => {
  assert.equal(absolutePath("/a::b:/c/d:.:"), "/a:/c/d");
  for (const none of [undefined, "", ":", "bin"]) assert.match(absolutePath(none), /:\/usr\/bin:/);
});

Deno.test("pickEnvironment: takes what is set, and nothing else", () => {
  Deno.env.set("BERTH_TEST_A", "");
  Deno.env.delete("BERTH_TEST_B");
  assert.deepEqual(pickEnvironment(["BERTH_TEST_A", "BERTH_TEST_B"]), { BERTH_TEST_A: "" });
});
