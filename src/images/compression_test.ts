// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { uncompressed } from "./compression.ts";
import { ImageError } from "./errors.ts";

/** A stream that brings these pieces one by one. */
function pieces(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += size));
    },
  });
}

const TEXT = "content ".repeat(1000);

Deno.test("uncompressed: a stream is read whole, compressed or not, in pieces of any size", async () => {
  const plain = new TextEncoder().encode(TEXT);
  const gzip = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  const compressed = await new Response(gzip).bytes();
  for (const bytes of [plain, compressed]) {
    for (const size of [1, 2, 3, 100_000]) {
      const content = await uncompressed(pieces(bytes, size));
      assert.equal(await new Response(content).text(), TEXT, `pieces of ${size}`);
    }
  }
  for (const short of ["", "a", "ab"]) {
    const content = await uncompressed(pieces(new TextEncoder().encode(short), 1));
    assert.equal(await new Response(content).text(), short);
  }
});

Deno.test("uncompressed: says what it cannot undo, and ends with its signal", async () => {
  const xz = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0);
  await assert.rejects(uncompressed(pieces(xz, 1)), ImageError);
  const controller = new AbortController();
  const silent = uncompressed(new ReadableStream(), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(silent, /enough/);
});
