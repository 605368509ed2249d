// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { CriEncoder, MAX_CONTENT } from "./cri_format.ts";

const text = new TextDecoder();
const bytes = (value: string) => new TextEncoder().encode(value);

/** Encodes all of `input`, with an output buffer of 64 KiB. */
function encode(encoder: CriEncoder, input: Uint8Array): string {
  const output = new Uint8Array(64 * 1024);
  let all = "";
  for (let at = 0; at < input.length;) {
    const { next, length } = encoder.encode("stdout", input, at, output);
    assert.ok(next > at && length <= output.length);
    all += text.decode(output.slice(0, length));
    at = next;
  }
  return all;
}

/** What records contain, as any reader of the format puts it together. */
function contentOf(records: string): string {
  assert.ok(records === "" || records.endsWith("\n"));
  return records.split("\n").slice(0, -1).map((record) => {
    const [, tag, content] =
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z stdout ([PF]) ([^\n]*)$/.exec(record) ?? [];
    assert.ok(content !== undefined, record);
    assert.ok(content.length <= MAX_CONTENT);
    return tag === "F" ? `${content}\n` : content;
  }).join("");
}

Deno.test("CriEncoder: a line is a full record, what is left of one is partial", () => {
  const records = encode(new CriEncoder(), bytes("one\n\ntwo"));
  assert.equal(records.replaceAll(/^\S+/gm, "T"), "T stdout F one\nT stdout F \nT stdout P two\n");
});

Deno.test("CriEncoder: whatever is written, in whatever pieces, is what the records contain", () => {
  const line = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "\n"), maxLength: 200 }),
    fc.integer({ min: 300, max: 40_000 }).map((length) => "x".repeat(length)),
    fc.integer({ min: 1, max: 3000 }).map((length) => "\n".repeat(length)),
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 20 }), (pieces) => {
    const encoder = new CriEncoder();
    const records = pieces.map((piece) => encode(encoder, bytes(piece))).join("");
    assert.equal(contentOf(records), pieces.join(""));
  }));
});
