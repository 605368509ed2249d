// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import plugin from "./test_titles.ts";

/** Returns how many titles of a file are refused. */
function refused(source: string, file = "tests/shim/dead_shim_test.ts"): number {
  return Deno.lint.runPlugin(plugin, file, source).length;
}

Deno.test("test titles: a name, a command, a method, a file or a folder comes first", () => {
  for (
    const title of [
      "Journal cuts off a torn line",
      "Journal.append: a torn line is cut off",
      "dead shim: it is noticed",
      "DeadShim: it is noticed",
      "shim: a dead one is noticed",
      "container.create: a second one of an id is refused",
      "berth run: a name that is taken is refused",
    ]
  ) {
    const source = `import { Journal } from "./journal.ts"; Deno.test("${title}", () => {});`;
    assert.equal(refused(source), 0, title);
  }
});

Deno.test("test titles: whatever else comes first is refused, in each form of a test", () => {
  assert.equal(refused('Deno.test("a torn line is cut off", () => {});'), 1);
  assert.equal(refused("Deno.test(`${1} lines are cut off`, () => {});"), 1);
  assert.equal(refused('Deno.test({ name: "a line", fn() {} }); test("a line", () => {});'), 2);
  assert.equal(refused('const command = test("a line");'), 0);
  assert.equal(refused('import assert from "node:assert"; Deno.test("assert: it", () => {});'), 1);
  assert.equal(refused('testNeeding("crun", "a line", () => {});'), 1);
  assert.equal(refused('testNeeding("crun", "dead shim: a line", () => {});'), 0);
  assert.equal(refused('testNeeding("crun", { name: "a line" }, () => {});'), 1);
  assert.equal(refused('testCompiled("a line", () => {});'), 1);
  assert.equal(refused('imageTest("a line", () => {}); networkTest("a line", () => {});'), 2);
  assert.equal(refused("Deno.test(function lineIsCutOff() {});"), 1);
  assert.equal(refused("Deno.test(function deadShim() {});"), 0);
  assert.equal(refused('Deno.test.ignore("a line", () => {}); Deno.test.only("a line", fn);'), 2);
  assert.equal(refused('Deno.test.ignore("dead shim: a line", () => {});'), 0);
  assert.equal(refused('Deno.test("shim: it", (t) => t.step("a line", () => {}));'), 1);
  assert.equal(refused('Deno.test("shim: it", (t) => t.step("shim: a line", () => {}));'), 0);
  assert.equal(refused('Deno.test("a line " + "that is long", () => {});'), 1);
  assert.equal(refused('Deno.test("shim: a line " + "that is long", () => {});'), 0);
  assert.equal(refused('Deno.test("dead shims: they are noticed", () => {});'), 1);
  assert.equal(refused('Deno.test("tests: a line", () => {});'), 1);
});

Deno.test("test titles: files without tests, and titles that are not written out, pass", () => {
  assert.equal(refused('test("a line", () => {});', "journal.ts"), 0);
  assert.equal(refused("Deno.test(title, () => {});"), 0);
});
