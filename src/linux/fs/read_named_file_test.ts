// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { mkfifo } from "../fd/fifo.ts";
import { readNamedFile } from "./read_named_file.ts";

Deno.test("readNamedFile: a file and a pipe are read whole, and nothing without an end", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/file`;
  const text = "grün\n".repeat(50_000);
  Deno.writeTextFileSync(path, text);
  assert.equal(await readNamedFile(path), text);
  const fifo = `${dir}/fifo`;
  mkfifo(fifo, 0o600);
  const [read] = await Promise.all([readNamedFile(fifo), Deno.writeTextFile(fifo, text)]);
  assert.equal(read, text);
  await assert.rejects(
    readNamedFile("/dev/zero", { mostMib: 1 }),
    /^Error: it has more than 1 MiB/,
  );
  await assert.rejects(readNamedFile(dir), /^Error: it is a directory$/);
  await assert.rejects(readNamedFile(`${dir}/none`), /^Error: no such file$/);
  Deno.writeFileSync(path, Uint8Array.of(0x41, 0xff));
  await assert.rejects(readNamedFile(path), /^Error: it is not UTF-8$/);
  Deno.writeFileSync(path, Uint8Array.of(0x41, 0xc3));
  await assert.rejects(readNamedFile(path), /^Error: it is not UTF-8$/);
});
