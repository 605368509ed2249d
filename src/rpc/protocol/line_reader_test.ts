// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { LineReader, TOO_LONG } from "./line_reader.ts";

/** Every line that `reader` gives for `chunks`, as plain arrays; "long" for TOO_LONG. */
function linesOf(reader: LineReader, chunks: Iterable<Uint8Array>): (number[] | "long")[] {
  const lines: (number[] | "long")[] = [];
  for (const chunk of chunks) {
    const copy = new Uint8Array(chunk);
    reader.feed(copy);
    for (let line = reader.next(); line !== undefined; line = reader.next()) {
      lines.push(line === TOO_LONG ? "long" : [...line]);
    }
    // What the reader keeps must not be a view of the chunk, which belongs to the caller again.
    copy.fill(0xff);
  }
  const rest = reader.end();
  if (rest !== undefined) lines.push([...rest]);
  return lines;
}

/** The same by the plainest means. */
function expectedLines(bytes: Uint8Array, max: number): (number[] | "long")[] {
  const lines: number[][] = [[]];
  for (const byte of bytes) byte === 10 ? lines.push([]) : lines.at(-1)!.push(byte);
  if (lines.at(-1)!.length === 0) lines.pop();
  return lines.map((line) => line.length > max ? "long" : line);
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; start < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    chunks.push(bytes.subarray(start, start + size));
    start += size;
  }
  return chunks;
}

/** Bytes with many newlines. */
const input = fc.array(fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 })), {
  maxLength: 300,
}).map((bytes) => new Uint8Array(bytes));

Deno.test("LineReader gives the same lines however the bytes are cut", () => {
  fc.assert(
    fc.property(
      input,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 0, max: 30 }),
      (bytes, sizes, max) => {
        const lines = linesOf(new LineReader(max), cut(bytes, sizes));
        assert.deepEqual(lines, expectedLines(bytes, max));
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("LineReader takes a line of exactly the limit and refuses one byte more", () => {
  const bytes = new TextEncoder().encode("abcd\nabcde\nab\n");
  for (const size of [1, 2, 5, 100]) {
    assert.deepEqual(linesOf(new LineReader(4), cut(bytes, [size])), [
      [97, 98, 99, 100],
      "long",
      [97, 98],
    ]);
  }
});

Deno.test("LineReader reports a line that is too long before its end has come", () => {
  const reader = new LineReader(4);
  reader.feed(new TextEncoder().encode("abcdefgh"));
  assert.equal(reader.next(), TOO_LONG);
  assert.equal(reader.next(), undefined);
  reader.feed(new TextEncoder().encode("more of it\nnext\n"));
  assert.equal(new TextDecoder().decode(reader.next() as Uint8Array), "next");
  assert.equal(reader.next(), undefined);
});

Deno.test("LineReader keeps nothing of a line that is too long", () => {
  const reader = new LineReader(1024 * 1024);
  const chunk = new Uint8Array(64 * 1024).fill(120);
  const before = Deno.memoryUsage().external;
  let reports = 0;
  for (let i = 0; i < 4096; i++) { // 256 MiB
    reader.feed(chunk);
    for (let line = reader.next(); line !== undefined; line = reader.next()) reports++;
  }
  assert.equal(reports, 1);
  assert(Deno.memoryUsage().external - before < 32 * 1024 * 1024);
  assert.equal(reader.end(), undefined);
});

Deno.test("LineReader frees at once what a line has outgrown or left behind, not when V8 collects", () => {
  const chunk = new Uint8Array(64 * 1024).fill(120);
  const reader = new LineReader();
  const receive = () => {
    for (let i = 0; i < 128; i++) { // 8 MiB
      reader.feed(chunk);
      assert.equal(reader.next(), undefined);
    }
  };
  const before = Deno.memoryUsage().external;
  const assertHolds = (mebibytes: number) => {
    const held = (Deno.memoryUsage().external - before) / 1024 / 1024;
    assert(held < mebibytes + 1, `${held} MiB`);
  };
  receive();
  assertHolds(8);
  reader.feed(new TextEncoder().encode("\n"));
  assert.equal((reader.next() as Uint8Array).length, 8 * 1024 * 1024);
  assert.equal(reader.next(), undefined);
  assertHolds(0);
  receive();
  reader[Symbol.dispose]();
  assertHolds(0);
});
