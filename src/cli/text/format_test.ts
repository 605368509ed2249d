// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { errorLine, formatAge, formatBytes, formatCommand, formatSpan } from "./format.ts";

Deno.test("formatAge: ages are told in their largest unit", () => {
  assert.equal(formatAge(-5), "0s");
  assert.equal(formatAge(1_999), "1s");
  assert.equal(formatAge(119_000), "119s");
  assert.equal(formatAge(120_000), "2m");
  assert.equal(formatAge(2 * 3_600_000), "2h");
  assert.equal(formatAge(50 * 3_600_000), "2d");
  assert.equal(formatAge(800 * 86_400_000), "2y");
});

Deno.test("formatSpan: spans are told in docker's words", () => {
  const second = 1000;
  assert.equal(formatSpan(0), "0 seconds");
  assert.equal(formatSpan(second), "1 second");
  assert.equal(formatSpan(59 * second), "59 seconds");
  assert.equal(formatSpan(90 * second), "About a minute");
  assert.equal(formatSpan(3_599 * second), "59 minutes");
  assert.equal(formatSpan(3_601 * second), "About an hour");
  assert.equal(formatSpan(26 * 3_600 * second), "26 hours");
  assert.equal(formatSpan(50 * 3_600 * second), "2 days");
  assert.equal(formatSpan(100 * 86_400 * second), "3 months");
});

Deno.test("formatBytes: bytes are told in binary units", () => {
  assert.equal(formatBytes(0), "0B");
  assert.equal(formatBytes(1023), "1023B");
  assert.equal(formatBytes(1536), "1.5KiB");
  assert.equal(formatBytes(64 * 1024 ** 2), "64MiB");
  assert.equal(formatBytes(150.4 * 1024 ** 3), "150GiB");
});

Deno.test("formatCommand: a command is told so that a shell would take it", () => {
  assert.equal(formatCommand(["sh", "-c", "echo it's"]), `sh -c 'echo it'\\''s'`);
  assert.equal(formatCommand(["printf", ""]), "printf ''");
});

Deno.test("errorLine: an error is told in one line", () => {
  assert.equal(errorLine(new Error("one\n  two\n")), "one; two");
  assert.equal(errorLine("plain"), "plain");
  const full = "No space left on device (os error 28)";
  assert.equal(
    errorLine(`${full}: writefile '/a b/it's'`),
    "cannot write /a b/it's: No space left on device: make room on its disk",
  );
  assert.equal(
    errorLine(`cannot write standard output: ${full}`),
    "cannot write standard output: No space left on device: make room on that disk",
  );
  assert.match(
    errorLine("Too many open files (os error 24): open '/x'"),
    /^cannot open \/x: Too many open files: raise its limit/,
  );
  assert.equal(
    errorLine("for \x1b[2Jplan\u009b9\r\n\tnow\tthen"),
    "for \\x1b[2Jplan\\x9b9; now then",
  );
});
