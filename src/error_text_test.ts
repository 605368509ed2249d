// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { messageOf, shorten, stackOf } from "./error_text.ts";

Deno.test("messageOf returns an error's message, and anything else as text", () => {
  assert.equal(messageOf(new TypeError("no")), "no");
  assert.equal(messageOf("text"), "text");
  assert.equal(messageOf(undefined), "undefined");
});

Deno.test("shorten cuts what is too long, and says so", () => {
  assert.equal(shorten("text", 4), "text");
  assert.equal(shorten("texts", 4), "text…");
});

Deno.test("stackOf has the stack of an error and of each of its causes, once", () => {
  const inner = new Error("inner");
  const outer = new Error("outer", { cause: inner });
  inner.cause = outer;
  const text = stackOf(outer);
  assert.match(text, /^Error: outer\n.*error_text_test\.ts[\s\S]*\ncaused by Error: inner\n/);
  assert.equal(text.split("Error: outer").length, 2);
  assert.equal(stackOf("thrown text"), "thrown text");
});
