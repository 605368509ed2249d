// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ExitFuture } from "./exit_future.ts";

const EXIT = { exitStatus: 3, exitedAt: "2026-01-01T00:00:00.000Z" };

Deno.test("ExitFuture: everybody who waits for an exit is told, unless they gave up", async () => {
  const exit = new ExitFuture();
  const abort = new AbortController();
  const waits = [exit.wait(), exit.wait(abort.signal), exit.wait(new AbortController().signal)];
  abort.abort(new Error("gone"));
  exit.resolve(EXIT);
  const results = await Promise.allSettled(waits);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(await exit.wait(), EXIT);
});
