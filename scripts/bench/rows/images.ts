// SPDX-License-Identifier: MIT
import { cliCommand, ok } from "../../../tests/harness/cli.ts";
import { TestDaemon } from "../../../tests/harness/daemon.ts";
import {
  busyboxLayer,
  copyImage,
  layerOf,
  makeImage,
} from "../../../tests/harness/images/images.ts";
import { TestRegistry } from "../../../tests/harness/images/registry.ts";
import { rootfsDir } from "../../../tests/harness/rootfs.ts";
import type { Measure } from "../row.ts";

const NAME = "example.org/two:1";

/**
 * The cost of an image that is there: `berth run --rm` of `true` in a directory, in an overlay on it
 * and in an image of two layers, in turn, and the differences of each round. No network is used.
 * Then the pull of an image that has one layer more than one that is there, from a registry on the
 * loopback interface.
 */
export const images: Measure = async (bench) => {
  await using daemon = await TestDaemon.start();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { "etc/motd": "hello" })];
  const archive = `${daemon.dir}/two.tar`;
  const source = await makeImage(daemon.dir, { layers });
  await copyImage(source, `docker-archive:${archive}:${NAME}`);
  await ok(daemon, "load", "-i", archive);

  const rootfs = ["--rootfs", rootfsDir()];
  const kinds = [rootfs, ["--overlay", ...rootfs], [NAME]].map((what) => ({
    args: ["run", "--rm", "--network", "none", "--cgroup-parent", daemon.cgroup, ...what, "true"],
    wall: new Array<number>(),
    cpu: new Array<number>(),
  }));
  const [directory, overlay, image] = kinds;
  if (!directory || !overlay || !image) throw new Error("three kinds are compared");
  const warmUp = bench.count(5, 1);
  for (let round = -warmUp; round < bench.count(40, 2); round++) {
    // What comes first is last in the next round.
    for (const { args, wall, cpu } of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const [start, before] = [performance.now(), cpuOfChildren()];
      const { success, stderr } = await cliCommand(daemon, args).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
      if (round < 0) continue;
      wall.push(performance.now() - start);
      cpu.push(cpuOfChildren() - before);
    }
  }
  const added = (kind: typeof image, what: "wall" | "cpu") =>
    kind[what].map((value, at) => value - (directory[what][at] ?? 0));

  await using registry = await TestRegistry.start(daemon.dir);
  await ok(daemon, "pull", await registry.push(source, "shared:0"));
  const pulls: number[] = [];
  for (let count = 0; count < bench.count(10, 1); count++) {
    const more = [...layers, layerOf(daemon.dir, { more: `${count}` })];
    const next = await registry.push(
      await makeImage(daemon.dir, { layers: more }),
      `shared:${count + 1}`,
    );
    const start = performance.now();
    await ok(daemon, "pull", next);
    pulls.push(performance.now() - start);
  }
  const row = { unit: "ms", better: "lower" } as const;
  return [
    { ...row, title: "berth run --rm --rootfs DIR true", samples: { berth: directory.wall } },
    { ...row, title: "berth run --rm IMAGE true", samples: { berth: image.wall } },
    {
      ...row,
      title: "… what an overlay adds, round by round",
      samples: { berth: added(overlay, "wall") },
    },
    {
      ...row,
      title: "… what IMAGE adds, round by round",
      target: { absolute: 25 },
      samples: { berth: added(image, "wall") },
    },
    {
      ...row,
      title: "… CPU of the command that IMAGE adds, on average",
      samples: { berth: [mean(added(image, "cpu"))] },
      note: "counted in ticks of 10 ms",
    },
    {
      ...row,
      title: "berth pull of an image with one layer more",
      target: { absolute: 1000 },
      samples: { berth: pulls },
    },
  ];
};

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** CPU time of the children that have ended, in ms (proc_pid_stat(5): cutime, cstime). */
function cpuOfChildren(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}
