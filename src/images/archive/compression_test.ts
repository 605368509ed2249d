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

/** Returns what a program makes of bytes by `-c`. */
async function compress(program: string, bytes: Uint8Array<ArrayBuffer>) {
  const child = new Deno.Command(program, { args: ["-c"], stdin: "piped", stdout: "piped" })
    .spawn();
  const output = child.output();
  await new Blob([bytes]).stream().pipeTo(child.stdin);
  return (await output).stdout;
}

Deno.test("uncompressed: a stream is read whole, compressed or not, in pieces of any size", async () => {
  const plain = new TextEncoder().encode(TEXT);
  for (const bytes of [plain, await compress("gzip", plain)]) {
    for (const size of [1, 2, 3, 100_000]) {
      const content = await uncompressed("a.tar", pieces(bytes, size));
      assert.equal(await new Response(content).text(), TEXT, `pieces of ${size}`);
    }
  }
  for (const short of ["", "a", "ab"]) {
    const content = await uncompressed("a.tar", pieces(new TextEncoder().encode(short), 1));
    assert.equal(await new Response(content).text(), short);
  }
});

Deno.test("uncompressed: gzip may have several members, empty ones too, and zeros after them", async () => {
  const plain = new TextEncoder().encode(TEXT);
  const parts = [plain.slice(0, 100), new Uint8Array(), plain.slice(100)];
  const members = await Promise.all(parts.map((part) => compress("gzip", part)));
  for (const padding of [0, 512]) {
    const file = await new Blob([...members, new Uint8Array(padding)]).bytes();
    const content = await uncompressed("a.tar", pieces(file, 1000));
    assert.equal(await new Response(content).text(), TEXT, `${padding} zeros`);
  }
});

for (const name of ["gzip", "xz", "zstd", "bzip2"]) {
  testNeeding([name], `uncompressed: ${name} undoes what it has compressed`, async () => {
    const big = TEXT.repeat(100);
    const compressed = await compress(name, new TextEncoder().encode(big));
    const { signal } = new AbortController();
    const content = await uncompressed("a.tar", pieces(compressed, 1000), signal);
    assert.equal(await new Response(content).text(), big);
    const half = await uncompressed("a.tar", pieces(compressed.slice(0, -20), 1000));
    await assert.rejects(new Response(half).text(), /^ImageError: a\.tar cannot be read: /);
  });
}

Deno.test("uncompressed: says which package is missing, and ends with its signal", async () => {
  const xz = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0);
  const path = Deno.env.get("PATH") ?? "";
  try {
    Deno.env.set("PATH", "/none");
    await assert.rejects(
      uncompressed("a.tar", pieces(xz, 1)),
      /^ImageError: a\.tar is compressed, and xz is not in PATH: install the package xz-utils$/,
    );
  } finally {
    Deno.env.set("PATH", path);
  }
  const controller = new AbortController();
  const silent = uncompressed("a.tar", new ReadableStream(), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(silent, /enough/);
});
