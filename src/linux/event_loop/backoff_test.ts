// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { backoff } from "./backoff.ts";

Deno.test("backoff: as many rounds as attempts", async () => {
  let rounds = 0;
  for (const delay of backoff({ first: 1, most: 2, attempts: 3 })) {
    rounds++;
    assert.equal(await delay(), true);
  }
  assert.equal(rounds, 3);
});

Deno.test("backoff: an aborted delay ends at once and says so", async () => {
  const abort = new AbortController();
  for (const delay of backoff({ first: 3_600_000, most: 3_600_000 })) {
    const waiting = delay(abort.signal);
    abort.abort();
    assert.equal(await waiting, false);
    assert.equal(await delay(abort.signal), false);
    break;
  }
});
