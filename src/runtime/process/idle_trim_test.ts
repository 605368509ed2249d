// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sleep } from "../../linux/event_loop/timer.ts";
import { IdleTrim } from "./idle_trim.ts";

Deno.test("IdleTrim: trims once when little happens after much work, and not before", async () => {
  let trims = 0;
  using trim = new IdleTrim({ quietMs: 100, trim: () => trims++ });
  const work = (times: number) => {
    for (let time = 0; time < times; time++) trim.hooks.rpc?.("daemon.info", 1, false);
  };
  work(1999);
  await sleep(300);
  assert.equal(trims, 0);
  work(1);
  for (let round = 0; round < 10; round++) {
    await sleep(30);
    // As much in each time of quiet that it is none.
    work(30);
  }
  assert.equal(trims, 0);
  const deadline = Date.now() + 10_000;
  while (trims === 0 && Date.now() < deadline) await sleep(20);
  work(1999);
  await sleep(300);
  assert.equal(trims, 1);
});

Deno.test("IdleTrim: trims no more once it is disposed of", async () => {
  let trims = 0;
  const trim = new IdleTrim({ quietMs: 20, trim: () => trims++ });
  for (let time = 0; time < 2000; time++) trim.hooks.rpc?.("daemon.info", 1, false);
  trim[Symbol.dispose]();
  await sleep(200);
  assert.equal(trims, 0);
});
