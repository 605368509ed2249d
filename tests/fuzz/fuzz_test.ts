// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fuzz } from "./fuzz.ts";

Deno.test("fuzz: messages from a seed to the sockets of a daemon and its shims", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.log(`seed ${seed}`);
  const { complaints } = await fuzz({ seed, messages: 2500 });
  assert.deepEqual(complaints, []);
});
