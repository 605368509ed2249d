// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { getJsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import { ENOENT, LinuxError } from "../../linux/libc/errno.ts";
import { BerthError, FailedPreconditionError, RuntimeError } from "../../rpc/errors.ts";
import { goesToJournal, withStack } from "./log.ts";

function record(properties: Record<string, unknown>): LogRecord {
  const message = ["it failed"];
  return {
    category: ["berth"],
    level: "error",
    message,
    rawMessage: "it failed",
    timestamp: 0,
    properties,
  };
}

Deno.test("withStack: a record with an error has its stack below it, and no line of that is at the margin", () => {
  const format = withStack(() => "it failed\n");
  assert.equal(format(record({})), "it failed\n");
  const error = new Error("first\n2026-01-01 forged record", { cause: new TypeError("second") });
  const lines = format(record({ error })).split("\n");
  assert.equal(lines.shift(), "it failed");
  assert.equal(lines.pop(), "");
  assert(lines.some((line) => line.includes("log_test.ts")), lines.join("\n"));
  assert(lines.some((line) => line.includes("caused by TypeError: second")));
  assert(lines.every((line) => line.startsWith("    ")), lines.join("\n"));
});

Deno.test("withStack: what would control a terminal, or part lines, is escaped in a stack", () => {
  const format = withStack(() => "it failed\n");
  const error = new Error("a\u001b[2Jb\u009b2Jc\u2028d\u0085e\u202ef\tg\vh é 漢");
  const text = format(record({ error }));
  assert.doesNotMatch(text, /[^\P{C}\n]|[\u2028\u2029]/u);
  assert.ok(
    text.includes("a\\u{1b}[2Jb\\u{9b}2Jc\\u{2028}d\\u{85}e\\u{202e}f\\u{9}g\\u{b}h é 漢"),
    text,
  );
});

Deno.test("withStack: a failure that is told is one line, unless its cause is a fault of berth's", () => {
  const format = withStack(() => "it failed\n");
  const lines = (error: Error) =>
    format(record({ error, reason: error.message })).split("\n").length;
  const told = new RuntimeError("container c: runc create failed: no such mount");
  assert.equal(lines(told), 2);
  const missing = new LinuxError(ENOENT, "open", "/x");
  assert.equal(lines(new FailedPreconditionError("not yet", { cause: missing })), 2);
  assert.equal(lines(new FailedPreconditionError("not yet", { cause: told })), 2);
  const fault = new TypeError("undefined is not a function");
  assert.ok(lines(fault) > 2);
  assert.ok(lines(new FailedPreconditionError("not yet", { cause: fault })) > 2);
  assert.ok(lines(new BerthError("Internal", "a bug")) > 2);
  // Nothing else tells why.
  assert.ok(format(record({ error: told })).includes("runc create failed"));
});

Deno.test("log: a record in JSON has the stack of its error", () => {
  const line = JSON.parse(String(getJsonLinesFormatter()(record({ error: new Error("oh") }))));
  assert.match(JSON.stringify(line.properties.error), /oh.*log_test\.ts/);
});

Deno.test("goesToJournal compares the file that JOURNAL_STREAM names", () => {
  const { dev, ino } = Deno.statSync("/dev/null");
  assert.equal(goesToJournal(`${dev}:${ino}`, "/dev/null"), true);
  assert.equal(goesToJournal(`${dev}:${ino}`, "/dev/zero"), false);
  assert.equal(goesToJournal("nonsense", "/dev/null"), false);
  assert.equal(goesToJournal(undefined, "/dev/null"), false);
});
