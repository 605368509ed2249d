// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { uncompressed } from "./compression.ts";

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

for (const name of ["xz", "zstd", "bzip2"]) {
  testNeeding([name], `uncompressed: ${name} undoes what it has compressed`, async () => {
    const big = TEXT.repeat(100);
    const child = new Deno.Command(name, { args: ["-c"], stdin: "piped", stdout: "piped" }).spawn();
    const output = child.output();
    const fed = new Blob([big]).stream().pipeTo(child.stdin);
    const compressed = (await output).stdout;
    await fed;
    const content = await uncompressed(pieces(compressed, 1000), new AbortController().signal);
    assert.equal(await new Response(content).text(), big);
    const half = await uncompressed(pieces(compressed.slice(0, -20), 1000));
    await assert.rejects(new Response(half).text(), /^ImageError: the archive cannot be read: /);
  });
}

Deno.test("uncompressed: says which package is missing, and ends with its signal", async () => {
  const xz = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0);
  const path = Deno.env.get("PATH") ?? "";
  try {
    Deno.env.set("PATH", "/none");
    await assert.rejects(uncompressed(pieces(xz, 1)), /xz is not in PATH: .* package xz-utils$/);
  } finally {
    Deno.env.set("PATH", path);
  }
  const controller = new AbortController();
  const silent = uncompressed(new ReadableStream(), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(silent, /enough/);
});
