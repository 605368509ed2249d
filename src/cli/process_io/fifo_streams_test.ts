// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FifoStreams } from "./fifo_streams.ts";
import { copyInput } from "./input.ts";
import { PipeOutput } from "./output.ts";
import { DetachKeys } from "./detach_keys.ts";

/** A sink that remembers. */
function memory() {
  const chunks: Uint8Array[] = [];
  return {
    text: async () => await new Blob(chunks.map((chunk) => Uint8Array.from(chunk))).text(),
    write: (bytes: Uint8Array) => {
      // Takes less than it is given, as a real one may.
      const part = bytes.slice(0, 1000);
      chunks.push(part);
      return Promise.resolve(part.length);
    },
  };
}

Deno.test("FifoStreams: output that was written before anybody waited for it is copied whole", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using streams = FifoStreams.make(dir, { stdin: false, terminal: false });
  assert.equal(streams.params.stdin, "");
  const text = "0123456789".repeat(5000);
  Deno.writeTextFileSync(streams.params.stdout, text);
  Deno.openSync(streams.params.stderr, { write: true }).close();
  streams.release();
  assert.ok(streams.stdout && streams.stderr);
  const sink = memory();
  assert.equal(await new PipeOutput(streams.stdout, sink).ended, "eof");
  assert.equal(await sink.text(), text);
  assert.equal(await new PipeOutput(streams.stderr, memory()).ended, "eof");
});

Deno.test("FifoStreams: output does not end before the shim has opened its end", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using streams = FifoStreams.make(dir, { stdin: false, terminal: true });
  assert.ok(streams.stdout);
  const sink = memory();
  const output = new PipeOutput(streams.stdout, sink);
  using writer = await Deno.open(streams.params.stdout, { write: true });
  streams.release();
  await writer.write(new TextEncoder().encode("late"));
  writer[Symbol.dispose]();
  assert.equal(await output.ended, "eof");
  assert.equal(await sink.text(), "late");
});

Deno.test("FifoStreams: a drain gives up output that another process holds open", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using streams = FifoStreams.make(dir, { stdin: false, terminal: true });
  assert.ok(streams.stdout);
  const sink = memory();
  const output = new PipeOutput(streams.stdout, sink);
  const writer = await Deno.open(streams.params.stdout, { write: true });
  streams.release();
  await writer.write(new TextEncoder().encode("before"));
  await until("it is copied", async () => await sink.text() === "before");
  await output.drain(50);
  assert.equal(await sink.text(), "before");
  writer.close();
  await output.ended;
});

Deno.test("FifoStreams: output that nobody takes any more says so", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using streams = FifoStreams.make(dir, { stdin: false, terminal: true });
  assert.ok(streams.stdout);
  const broken = { write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")) };
  const output = new PipeOutput(streams.stdout, broken);
  Deno.writeTextFileSync(streams.params.stdout, "x");
  assert.equal(await output.ended, "unwritable");
});

Deno.test("fifo streams: input is copied until it ends, or the keys to detach are typed", async () => {
  const source = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    return {
      read: (buffer: Uint8Array) => {
        if (at === bytes.length) return Promise.resolve(null);
        const part = bytes.subarray(at, at + Math.min(3, buffer.length));
        buffer.set(part);
        at += part.length;
        return Promise.resolve(part.length);
      },
    };
  };
  const plain = memory();
  assert.equal(await copyInput(source("ab\x10\x11cd"), plain, undefined), "eof");
  assert.equal(await plain.text(), "ab\x10\x11cd");
  const typed = memory();
  assert.equal(await copyInput(source("abcde\x10\x11fg"), typed, new DetachKeys()), "detached");
  assert.equal(await typed.text(), "abcde");
  const held = memory();
  assert.equal(await copyInput(source("ab\x10"), held, new DetachKeys()), "eof");
  assert.equal(await held.text(), "ab\x10");
});

Deno.test("FifoStreams: a process that does not read its input ends the copying", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using streams = FifoStreams.make(dir, { stdin: true, terminal: true });
  streams.release();
  assert.ok(streams.stdin);
  const endless = { read: () => Promise.resolve(8) };
  assert.equal(await copyInput(endless, streams.stdin, undefined), "process-stopped-reading");
});

Deno.test("FifoStreams: a FIFO that is not there is an error, and leaves nothing open", () => {
  const params = { stdin: "", stdout: "/nonexistent/stdout", stderr: "", terminal: true };
  assert.throws(() => new FifoStreams(params), Deno.errors.NotFound);
});
