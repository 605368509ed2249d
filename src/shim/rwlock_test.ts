// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RwLock } from "./rwlock.ts";

/** Work that says when it begins and ends when told to. */
function step(name: string, story: string[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    story.push(`${name} begins`);
    await promise;
    story.push(`${name} ends`);
  };
  return { work, finish: resolve };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("RwLock: exclusive work waits for shared, and later shared work for it", async () => {
  const lock = new RwLock();
  const story: string[] = [];
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => step(name, story));
  assert.ok(a && b && c && d);
  const all = [lock.shared(a.work), lock.shared(b.work), lock.exclusive(c.work)];
  all.push(lock.shared(d.work));
  await turn();
  assert.deepEqual(story, ["a begins", "b begins"]);
  b.finish();
  a.finish();
  await turn();
  assert.deepEqual(story.slice(2), ["b ends", "a ends", "c begins"]);
  c.finish();
  d.finish();
  await Promise.all(all);
  assert.deepEqual(story.slice(5), ["c ends", "d begins", "d ends"]);
});

Deno.test("RwLock: work that fails releases the lock", async () => {
  const lock = new RwLock();
  await assert.rejects(lock.exclusive(() => Promise.reject(new Error("no"))), /no/);
  await assert.rejects(lock.shared(() => Promise.reject(new Error("no"))), /no/);
  assert.equal(await lock.exclusive(() => Promise.resolve(1)), 1);
});
