// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { untilAborted } from "./until_aborted.ts";

Deno.test("untilAborted: the first of the two counts", async () => {
  const never = new Promise<never>(() => {});
  assert.equal(await untilAborted(Promise.resolve(1)), 1);
  const { signal } = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(2), signal), 2);
  await assert.rejects(untilAborted(Promise.reject(new Error("own")), signal), /own/);
  const controller = new AbortController();
  const waiting = untilAborted(never, controller.signal);
  controller.abort(new Error("ended"));
  await assert.rejects(waiting, /ended/);
  await assert.rejects(untilAborted(never, controller.signal), /ended/);
});
