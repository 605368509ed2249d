// SPDX-License-Identifier: MIT
//
// `deno task soak`: uses containers at random while the daemon, its shims and their processes are killed
// at random, and checks that nothing was lost.
import { soak } from "../tests/soak/soak.ts";
import { numberOption, parseOptions } from "./options.ts";
import { runScript } from "./run_script.ts";
import { ensurePackages } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

const USAGE = `usage: deno task soak [options]
  --minutes N      how long; default 5
  --seed S         of the random choices; default random
  --containers N   how many at a time; default 20
  --adopt          with on_death = "adopt"
  --no-shim        with no_shim`;

const { values } = parseOptions(USAGE, {
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    containers: { type: "string" },
    adopt: { type: "boolean", default: false },
    "no-shim": { type: "boolean", default: false },
  },
});
const minutes = numberOption(USAGE, values.minutes, 5);
const seed = numberOption(USAGE, values.seed, Math.floor(Math.random() * 2 ** 32));
const containers = numberOption(USAGE, values.containers, 20);
const onDeath = values.adopt ? "adopt" : "kill";
const noShim = values["no-shim"];

await ensurePackages(["runc", "busybox-static"]);
await runScript(async (signal) => {
  await using workspace = await Workspace.open("berth-soak");
  Deno.env.set("BERTH_PROGRAM", await workspace.bundle({ failpoints: true, signal }));
  console.log(
    `${minutes} minutes, ${containers} containers, seed ${seed}, on_death = "${onDeath}"${
      noShim ? ", no_shim" : ""
    }`,
  );
  const durationMs = minutes * 60_000;
  const report = await soak({ seed, durationMs, containers, onDeath, noShim, signal });
  console.log(`${report.events} events of ${report.instances} containers; nothing lost`);
  for (const [name, count] of [...report.counts].sort()) console.log(`${count}\t${name}`);
  return 0;
});
