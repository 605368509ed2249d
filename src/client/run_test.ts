// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { runContainer } from "./run.ts";

/** Keeps the processor from this process for so many milliseconds. */
function starve(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** A stream of these parts; it takes `ms` of the processor to get each. */
function slowStream(parts: readonly string[], ms: number): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      starve(ms);
      const part = left.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  }, { highWaterMark: 0 });
}

function containerOf(stdout: ReadableStream<Uint8Array>) {
  const exit = { exitStatus: 0, exitedAt: new Date().toISOString() };
  return {
    id: "c",
    stdin: undefined,
    stdout,
    stderr: slowStream([], 0),
    start: () => Promise.resolve(1),
    wait: () => Promise.resolve(exit),
    delete: () => Promise.resolve({ pid: 1, ...exit }),
  };
}

Deno.test("runContainer: has all output, however little of the processor it gets", async () => {
  const parts = ["one ", "two ", "three ", "four ", "five ", "six"];
  const { stdout } = await runContainer(containerOf(slowStream(parts, 300)), {});
  assert.equal(new TextDecoder().decode(stdout), parts.join(""));
});

Deno.test("runContainer: does not wait for output that another process holds open", async () => {
  const pull = Promise.withResolvers<void>();
  const { stdout } = await runContainer(
    containerOf(new ReadableStream({ pull: () => pull.promise })),
    {},
  );
  assert.equal(stdout.length, 0);
  pull.resolve();
});
