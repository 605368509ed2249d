// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { LongIntegerError, parseJson, stringifyJson } from "./json.ts";

Deno.test("stringifyJson: integers of any size keep their digits through parseJson and stringifyJson", () => {
  for (
    const digits of [
      "0",
      "-1",
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "-9007199254740993",
      "9223372036854775807",
      "9223372036854771712",
      "9223372036854772000",
      "18446744073709551615",
      "123456789012345678901234567890",
    ]
  ) {
    const text = `{"a":[${digits},{"b":${digits}}],"s":"${digits}"}`;
    assert.equal(stringifyJson(parseJson(text)), text);
  }
  fc.assert(fc.property(fc.bigInt(), (value) => {
    assert.equal(stringifyJson(parseJson(`[${value}]`)), `[${value}]`);
  }));
});

Deno.test("parseJson gives numbers where those lose nothing, and fractions as ever", () => {
  assert.deepEqual(
    parseJson(
      "[9007199254740991,9223372036854772000,1.1234567890123456789,1e400,12345678901234567e2]",
    ),
    [9007199254740991, 9223372036854772000, 1.1234567890123457, Infinity, 1234567890123456800],
  );
  assert.equal(parseJson("9007199254740993"), 9007199254740993n);
  assert.equal(parseJson('"9007199254740993"'), "9007199254740993");
});

Deno.test("parseJson and stringifyJson agree with JSON on everything else", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    assert.deepEqual(parseJson(text), JSON.parse(text));
    assert.equal(stringifyJson(parseJson(text)), JSON.stringify(JSON.parse(text)));
    assert.equal(stringifyJson(parseJson(text), 2), JSON.stringify(JSON.parse(text), undefined, 2));
  }));
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  assert.throws(() => stringifyJson(cycle), TypeError);
  assert.throws(() => parseJson("{"), SyntaxError);
});

Deno.test("parseJson refuses an integer of more than 400 digits, which would take long, not one in a string", () => {
  const digits = "9".repeat(400);
  assert.equal(parseJson(`[${digits}]`)?.toString(), digits);
  assert.equal(parseJson(`"${digits}9"`), `${digits}9`);
  for (const text of [`{"a":${digits}9}`, `-${digits}`, "9".repeat(15_000_000)]) {
    assert.throws(() => parseJson(text), LongIntegerError);
  }
});
