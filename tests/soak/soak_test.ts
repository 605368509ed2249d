// SPDX-License-Identifier: MIT
import { soak } from "./soak.ts";

Deno.test("soak: a short soak: containers used at random while daemon, shims and processes are killed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const onDeath = seed % 2 === 0 ? "kill" : "adopt";
  console.log(`seed ${seed}, on_death = "${onDeath}"`);
  await soak({ seed, durationMs: 12_000, containers: 10, onDeath });
});
