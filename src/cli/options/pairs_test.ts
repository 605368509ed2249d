// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { collectLabel, collectPair } from "./pairs.ts";

Deno.test("collectPair: by the first =, the last value of a key", () => {
  const pairs = ["a=1", "b=x=y", "a=2", "c="].reduce<Parameters<typeof collectPair>[1]>(
    (previous, text) => collectPair(text, previous),
    undefined,
  );
  assert.deepEqual(pairs, { a: "2", b: "x=y", c: "" });
  for (const text of ["a", "=1", ""]) {
    assert.throws(() => collectPair(text, undefined), InvalidArgumentError, text);
  }
});

Deno.test("collectLabel: a key alone has an empty value, berth's own keys are refused", () => {
  assert.deepEqual(collectLabel("tier=front", { app: "web" }), { app: "web", tier: "front" });
  assert.deepEqual(collectLabel("debug", undefined), { debug: "" });
  for (const text of ["", "=x", "berth.image=x", "berth.x"]) {
    assert.throws(() => collectLabel(text, undefined), InvalidArgumentError, text);
  }
});
