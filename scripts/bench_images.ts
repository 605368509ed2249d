// SPDX-License-Identifier: MIT
// What an image costs that is there: `run --rm` of `true` in a directory (`--rootfs`), in an overlay
// on it, and in an image of two layers, in turn; then the pull of an image that has one layer more
// than one that is there. `deno run -A scripts/bench_images.ts [ROUNDS]`; BERTH_PROGRAM names the file
// to measure.
import { cliCommand } from "../tests/harness/cli.ts";
import { TestDaemon } from "../tests/harness/daemon.ts";
import { busyboxLayer, layerOf, makeImage, ok } from "../tests/harness/images.ts";
import { rootfsDir } from "../tests/harness/rootfs.ts";
import { quantile } from "./bench/statistics.ts";
import { bundle } from "./bundle.ts";
import { writeLauncher } from "./launcher.ts";
import { Workspace } from "./workspace.ts";

const rounds = Number(Deno.args[0] ?? 40);
await using workspace = await Workspace.open("berth-bench");
if (!Deno.env.has("BERTH_PROGRAM")) {
  const files = await bundle({ outDir: `${workspace.dir}/program`, minify: true });
  Deno.env.set("BERTH_PROGRAM", await writeLauncher(files));
}
await using daemon = await TestDaemon.start();
const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { "etc/motd": "hello" })];
const archive = `${daemon.dir}/archive`;
const source = await makeImage(daemon.dir, { layers });
await new Deno.Command("skopeo", {
  args: ["--insecure-policy", "copy", "-q", source, `docker-archive:${archive}:example.org/two:1`],
}).output();
await ok(daemon, "load", "-i", archive);

const kinds = {
  "--rootfs": ["--rootfs", rootfsDir()],
  "--overlay --rootfs": ["--overlay", "--rootfs", rootfsDir()],
  "image": ["example.org/two:1"],
};
const samples = Object.entries(kinds).map(([name, args]) => ({
  name,
  args: ["run", "--rm", "--cgroup-parent", daemon.cgroup, ...args, "true"],
  wall: new Array<number>(),
  cpu: 0,
}));
for (let round = -2; round < rounds; round++) {
  for (const sample of samples) {
    const [start, before] = [performance.now(), cpuOfChildren()];
    const { success, stderr } = await cliCommand(daemon, sample.args).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    if (round < 0) continue;
    sample.wall.push(performance.now() - start);
    sample.cpu += cpuOfChildren() - before;
  }
}
const [bare] = samples;
const ms = (value: number) => `${value.toFixed(1)} ms`.padStart(10);
for (const { name, wall, cpu } of samples) {
  const over = quantile(wall.map((value, at) => value - (bare?.wall[at] ?? 0)), 0.5);
  const ratio = quantile(wall, 0.5) / quantile(bare?.wall ?? [], 0.5);
  console.log(
    `${name.padEnd(20)} median ${ms(quantile(wall, 0.5))}  p10 ${ms(quantile(wall, 0.1))}  ` +
      `CPU of the command ${ms(cpu / rounds)}  over --rootfs ${ms(over)} (${ratio.toFixed(2)} ×)`,
  );
}
const pulls = new Array<number>();
for (let n = 0; n < 5; n++) {
  const more = [...layers, layerOf(daemon.dir, { more: `${n}` })];
  const image = await makeImage(daemon.dir, { layers: more });
  const start = performance.now();
  await ok(daemon, "pull", image);
  pulls.push(performance.now() - start);
}
console.log(`one layer more       median ${ms(quantile(pulls, 0.5))} for the pull`);
console.log(`load ${Deno.loadavg().map((load) => load.toFixed(1)).join(" ")}, ${rounds} rounds`);

/** CPU time of the children that have ended, in ms (proc_pid_stat(5): cutime, cstime). */
function cpuOfChildren(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}
