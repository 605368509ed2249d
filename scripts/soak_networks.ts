// SPDX-License-Identifier: MIT
//
// `deno task soak:networks`: kills daemon, shims and CNI plugins while networks are made and removed,
// and looks for what is left.
import { soakNetworks } from "../tests/soak/networks.ts";
import { numberOption, parseOptions } from "./options.ts";
import { ensurePackages } from "./system_packages.ts";
import { runScript } from "./run_script.ts";
import { Workspace } from "./workspace.ts";

const USAGE = `usage: deno task soak:networks [options]
  --rounds N   how many; default 200
  --seed S     of the random choices; default random`;

const { values } = parseOptions(USAGE, {
  options: { rounds: { type: "string" }, seed: { type: "string" } },
});
const rounds = numberOption(USAGE, values.rounds, 200);
const seed = numberOption(USAGE, values.seed, Math.floor(Math.random() * 2 ** 32));

await ensurePackages([
  ...["runc", "busybox-static", "containernetworking-plugins", "iptables", "iproute2"] as const,
]);
await runScript(async (signal) => {
  {
    await using workspace = await Workspace.open("berth-soak");
    Deno.env.set("BERTH_PROGRAM", await workspace.bundle({ signal }));
    console.log(`${rounds} rounds with seed ${seed}`);
    await soakNetworks({ rounds, seed, say: console.log, signal });
  }
  console.log(`${rounds} rounds with seed ${seed}: nothing is left`);
  return 0;
});
