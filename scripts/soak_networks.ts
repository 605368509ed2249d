// SPDX-License-Identifier: MIT
//
// `deno task soak:networks`: kills daemon, shims and CNI plugins while networks are made and removed,
// and looks for what is left. Options: --rounds N (200), --seed S (random).
import { soakNetworks } from "../tests/soak/networks.ts";
import { bundle } from "./build/bundle.ts";
import { ensurePackages } from "./system_packages.ts";
import { runScript } from "./run_script.ts";
import { writeLauncher } from "./build/launcher.ts";
import { Workspace } from "./workspace.ts";

const option = (name: string) => {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? undefined : Number(Deno.args[at + 1]);
};
const rounds = option("rounds") ?? 200;
const seed = option("seed") ?? Math.floor(Math.random() * 2 ** 32);
if (!Number.isInteger(rounds) || !Number.isInteger(seed)) {
  console.error("usage: deno task soak:networks [--rounds N] [--seed S]");
  Deno.exit(2);
}
await ensurePackages([
  ...["runc", "busybox-static", "containernetworking-plugins", "iptables", "iproute2"] as const,
]);
await runScript(async (signal) => {
  {
    await using workspace = await Workspace.open("berth-soak");
    const program = await bundle({ outDir: `${workspace.dir}/program`, signal });
    Deno.env.set("BERTH_PROGRAM", await writeLauncher(program));
    console.log(`${rounds} rounds with seed ${seed}`);
    await soakNetworks({ rounds, seed, say: console.log, signal });
  }
  console.log(`${rounds} rounds with seed ${seed}: nothing is left`);
  return 0;
});
