// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { environmentEntry } from "./options.ts";

Deno.test("an environment variable without a value is passed on, if it is set", () => {
  assert.deepEqual(environmentEntry("A=b=c"), ["A=b=c"]);
  assert.deepEqual(environmentEntry("PATH"), [`PATH=${Deno.env.get("PATH")}`]);
  assert.deepEqual(environmentEntry("BERTH_TEST_NOT_SET"), []);
});
