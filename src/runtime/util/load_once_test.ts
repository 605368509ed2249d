// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { loadOnce } from "./load_once.ts";

Deno.test("loadOnce: those that ask while it is loaded for the first wait for that; after a failure the next loads", async () => {
  const loads: PromiseWithResolvers<number>[] = [];
  const get = loadOnce(() => {
    const load = Promise.withResolvers<number>();
    loads.push(load);
    return load.promise;
  });
  const failing = [get(), get()];
  loads[0]?.reject(new Error("no file is left"));
  for (const one of failing) await assert.rejects(one, /no file is left/);
  const first = [get(), get(), get()];
  loads[1]?.resolve(7);
  assert.deepEqual(await Promise.all([...first, get()]), [7, 7, 7, 7]);
  assert.equal(loads.length, 2);
});
