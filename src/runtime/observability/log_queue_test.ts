// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { LogQueue } from "./log_queue.ts";

const LINE = `${"x".repeat(1023)}\n`;

/** A log whose reader has room for so many bytes; undefined: it is gone. */
function open() {
  const reader = { room: 0 as number | undefined, text: "" };
  const queue = new LogQueue({
    write(bytes) {
      if (reader.room === undefined) throw new Error("EPIPE");
      const count = Math.min(bytes.length, reader.room);
      reader.room -= count;
      reader.text += new TextDecoder().decode(bytes.subarray(0, count));
      return count;
    },
    dropped: (count) => new TextEncoder().encode(`lost ${count}\n`),
  });
  const add = (line: string) => queue.add(new TextEncoder().encode(line));
  return { queue, reader, add };
}

Deno.test("LogQueue: lines wait for a reader that is slow, in order and whole", async () => {
  const { queue, reader, add } = open();
  add("one\n");
  add("two\n");
  assert.equal(reader.text, "");
  reader.room = 6;
  add("three\n");
  assert.equal(reader.text, "one\ntw");
  reader.room = Infinity;
  await queue[Symbol.asyncDispose]();
  assert.equal(reader.text, "one\ntwo\nthree\n");
});

Deno.test("LogQueue: a reader that stops gets the first lines, how many are lost, and what is said from then on", async () => {
  const { queue, reader, add } = open();
  for (let count = 0; count < 300; count++) add(LINE);
  reader.room = Infinity;
  add("after\n");
  assert.equal(reader.text, `${LINE.repeat(256)}lost 44\nafter\n`);
  await queue[Symbol.asyncDispose]();
});

Deno.test("LogQueue: what was lost is told without another line, too", async () => {
  const { queue, reader, add } = open();
  for (let count = 0; count < 300; count++) add(LINE);
  reader.room = Infinity;
  for (const end = Date.now() + 60_000; !reader.text.endsWith("lost 44\n");) {
    assert.ok(Date.now() < end, "in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await queue[Symbol.asyncDispose]();
});

Deno.test("LogQueue: a line longer than the bound is still written", async () => {
  const { queue, reader, add } = open();
  reader.room = Infinity;
  add(LINE.repeat(1000));
  assert.equal(reader.text, LINE.repeat(1000));
  await queue[Symbol.asyncDispose]();
});

Deno.test("LogQueue: lines are counted that no reader was there for", async () => {
  const { queue, reader, add } = open();
  reader.room = undefined;
  for (let count = 0; count < 5; count++) add("lost\n");
  reader.room = Infinity;
  add("read\n");
  assert.equal(reader.text, "lost 5\nread\n");
  await queue[Symbol.asyncDispose]();
});
