// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { KeyedMutex, Semaphore } from "./locks.ts";

/** Lets everything that can go on do so. */
const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("KeyedMutex: one at a time for each key, others go on", async () => {
  const locks = new KeyedMutex();
  const order: string[] = [];
  const work = async (key: string, name: string) => {
    using _lock = await locks.acquire(key);
    order.push(`${name} begins`);
    await settle();
    order.push(`${name} ends`);
  };
  await Promise.all([work("a", "1"), work("a", "2"), work("b", "3")]);
  const at = (what: string) => order.indexOf(what);
  assert.ok(at("1 ends") < at("2 begins"), order.join());
  assert.ok(at("3 begins") < at("1 ends"), order.join());
  assert.equal(order.length, 6);
});

Deno.test("Semaphore: no more than its permits at a time, and each gets its turn", async () => {
  const permits = new Semaphore(2);
  let [now, most, done] = [0, 0, 0];
  await Promise.all(Array.from({ length: 7 }, async () => {
    using _permit = await permits.acquire();
    most = Math.max(most, ++now);
    await settle();
    now--;
    done++;
  }));
  assert.deepEqual([most, done], [2, 7]);
});
