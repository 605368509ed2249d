// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOf, onlineCpus } from "./online_cpus.ts";

Deno.test("onlineCpus: the CPUs of a kernel's list are counted", () => {
  assert.equal(countOf("0\n"), 1);
  assert.equal(countOf("0-3\n"), 4);
  assert.equal(countOf("0,2-5,8"), 6);
  assert.ok((onlineCpus() ?? 0) >= 1);
});
