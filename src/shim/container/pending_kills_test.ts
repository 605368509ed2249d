// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { PendingKills } from "./pending_kills.ts";

/** Lasts until it is aborted; then rejects with the reason. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

Deno.test("PendingKills: what is under way is ended with the reason that is given, and is over then", async () => {
  const kills = new PendingKills();
  const reason = new Error("it has exited");
  let over = 0;
  const sent = [1, 2].map(() => kills.run(untilAborted).catch((error) => (over++, error)));
  await kills.end(reason);
  assert.deepEqual(await Promise.all(sent), [reason, reason]);
  assert.equal(over, 2);
});

Deno.test("PendingKills: what has ended by itself leaves nothing to end", async () => {
  const kills = new PendingKills();
  await kills.run(() => Promise.resolve());
  await assert.rejects(kills.run(() => Promise.reject(new Error("failed"))), /failed/);
  await kills.end(new Error("unused"));
  await kills.run((signal) => Promise.resolve(assert.equal(signal.aborted, false)));
});
