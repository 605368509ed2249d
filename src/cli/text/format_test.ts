// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { errorLine, formatAge, formatBytes, formatCommand } from "./format.ts";

Deno.test("ages are told in their largest unit", () => {
  assert.equal(formatAge(-5), "0s");
  assert.equal(formatAge(1_999), "1s");
  assert.equal(formatAge(119_000), "119s");
  assert.equal(formatAge(120_000), "2m");
  assert.equal(formatAge(2 * 3_600_000), "2h");
  assert.equal(formatAge(50 * 3_600_000), "2d");
  assert.equal(formatAge(800 * 86_400_000), "2y");
});

Deno.test("bytes are told in binary units", () => {
  assert.equal(formatBytes(0), "0B");
  assert.equal(formatBytes(1023), "1023B");
  assert.equal(formatBytes(1536), "1.5KiB");
  assert.equal(formatBytes(64 * 1024 ** 2), "64MiB");
  assert.equal(formatBytes(150.4 * 1024 ** 3), "150GiB");
});

Deno.test("a command is told so that a shell would take it", () => {
  assert.equal(formatCommand(["sh", "-c", "echo it's"]), `sh -c 'echo it'\\''s'`);
  assert.equal(formatCommand(["printf", ""]), "printf ''");
});

Deno.test("an error is told in one line", () => {
  assert.equal(errorLine(new Error("one\n  two\n")), "one; two");
  assert.equal(errorLine("plain"), "plain");
});
