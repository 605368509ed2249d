// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteBudget } from "./byte_budget.ts";
import { LineWriter } from "./line_writer.ts";

/** Takes at most `sizes[i]` bytes at the i-th write, then all. */
class SlowSink {
  readonly taken: number[] = [];
  writes = 0;
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;
  constructor(readonly sizes: readonly number[] = []) {}

  /** Writes wait until {@linkcode release}. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  release(): void {
    this.#open?.();
    this.#gate = undefined;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#gate;
    const count = Math.min(this.sizes[this.writes++] ?? bytes.length, bytes.length);
    this.taken.push(...bytes.subarray(0, count));
    return count;
  }

  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.taken));
  }
}

function fail(error: unknown): never {
  throw error;
}

Deno.test("LineWriter writes every line whole and in order through partial writes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }).filter((s) => !s.includes("\n"))),
      fc.array(fc.integer({ min: 1, max: 7 })),
      async (lines, sizes) => {
        const sink = new SlowSink(sizes);
        const writer = new LineWriter(sink, fail);
        for (const line of lines) writer.write(line);
        await writer.drain();
        assert.equal(sink.text, lines.map((line) => line + "\n").join(""));
        assert.equal(writer.queuedBytes, 0);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("LineWriter puts the lines of one tick into one write", async () => {
  const sink = new SlowSink();
  const writer = new LineWriter(sink, fail);
  for (let i = 0; i < 100; i++) writer.write(`line ${i}`);
  await writer.drain();
  assert.equal(sink.writes, 1);
});

Deno.test("LineWriter counts text as V8 holds it, and as bytes once it is encoded", async () => {
  const sink = new SlowSink();
  sink.hold();
  const account = new ByteBudget().open(() => {});
  const writer = new LineWriter(sink, fail, account);
  const held = () => [writer.queuedBytes, account.bytes];
  writer.write("é".repeat(99));
  assert.deepEqual(held(), [100, 100]);
  writer.write("…".repeat(99));
  assert.deepEqual(held(), [299, 299]);
  // One write for both.
  await Promise.resolve();
  assert.deepEqual(held(), [199 + 298, 199 + 298]);
  writer.write("…");
  assert.deepEqual(held(), [500, 500]);
  sink.release();
  await writer.drain();
  assert.deepEqual(held(), [0, 0]);
});

Deno.test("LineWriter.drain resolves once no more than the limit is queued", async () => {
  const sink = new SlowSink([100, 100]);
  sink.hold();
  const writer = new LineWriter(sink, fail);
  writer.write("x".repeat(299));
  assert.equal(writer.queuedBytes, 300);
  let drained = false;
  const done = writer.drain(100).then(() => drained = true);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(drained, false);
  sink.release();
  await done;
  assert(writer.queuedBytes <= 100);
  await writer.drain();
});

Deno.test("LineWriter reports a failed write once, drops the queue and wakes who waits", async () => {
  const errors: unknown[] = [];
  const broken = new Deno.errors.BrokenPipe("Broken pipe");
  const writer = new LineWriter({ write: () => Promise.reject(broken) }, (e) => errors.push(e));
  writer.write("a");
  writer.write("b");
  await writer.drain();
  assert.deepEqual(errors, [broken]);
  writer.write("c");
  assert.equal(writer.queuedBytes, 0);
});

Deno.test("LineWriter takes a sink that accepts nothing as broken", async () => {
  const errors: unknown[] = [];
  const writer = new LineWriter({ write: () => Promise.resolve(0) }, (e) => errors.push(e));
  writer.write("a");
  await writer.drain();
  assert.match(String(errors[0]), /no more bytes/);
});
