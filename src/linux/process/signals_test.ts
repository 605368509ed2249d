// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseSignal, SIGNALS } from "./signals.ts";

Deno.test("parseSignal: a signal is taken as number, digits, or name in any spelling", () => {
  for (const signal of [15, "15", "TERM", "SIGTERM", "sigterm", "term"]) {
    assert.equal(parseSignal(signal), 15, String(signal));
  }
  assert.equal(parseSignal("RTMIN"), 34);
  assert.equal(parseSignal("SIGRTMIN+3"), 37);
  assert.equal(parseSignal("RTMAX-1"), 63);
  assert.equal(parseSignal("SIGPOLL"), 29);
});

Deno.test("parseSignal: what is no signal is refused by name", () => {
  const wrong = [0, -1, 65, 1.5, NaN, "", "SIG", "NOPE", "0", "65", "-9", "RTMIN+31", "toString"];
  for (const signal of wrong) {
    assert.throws(() => parseSignal(signal), RangeError, String(signal));
  }
  assert.throws(() => parseSignal("NOPE"), /"NOPE"/);
});

Deno.test("parseSignal: every signal's name parses back to its number", () => {
  for (const [name, number] of Object.entries(SIGNALS)) assert.equal(parseSignal(name), number);
  assert.deepEqual(Object.values(SIGNALS), Array.from({ length: 31 }, (_, index) => index + 1));
});
