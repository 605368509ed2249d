// SPDX-License-Identifier: MIT
//
// `deno task soak --minutes N [--seed S] [--containers N] [--adopt] [--no-shim]`: uses containers at random
// while the daemon, its shims and their processes are killed at random, and checks that nothing was lost.
import { numberOption } from "./number_option.ts";
import { soak } from "../tests/soak/soak.ts";
import { bundle } from "./build/bundle.ts";
import { writeLauncher } from "./build/launcher.ts";
import { runScript } from "./run_script.ts";
import { ensurePackages } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

const minutes = numberOption("minutes", 5);
const seed = numberOption("seed", Math.floor(Math.random() * 2 ** 32));
const containers = numberOption("containers", 20);
const onDeath = Deno.args.includes("--adopt") ? "adopt" : "kill";
const noShim = Deno.args.includes("--no-shim");

await ensurePackages(["runc", "busybox-static"]);
await runScript(async (signal) => {
  await using workspace = await Workspace.open("berth-soak");
  const program = await writeLauncher(
    await bundle({ outDir: `${workspace.dir}/program`, failpoints: true, signal }),
  );
  Deno.env.set("BERTH_PROGRAM", program);
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
