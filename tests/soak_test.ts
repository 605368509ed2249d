// SPDX-License-Identifier: MIT
import { soak } from "./soak/soak.ts";

Deno.test("a short soak: containers used at random while daemon, shims and processes are killed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.log(`seed ${seed}`);
  await soak({ seed, durationMs: 12_000, containers: 10 });
});
