// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli } from "./harness/cli.ts";
import { TestDaemon } from "./harness/daemon.ts";
import {
  ARCHITECTURE,
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  makeImageList,
  ok,
  TestRegistry,
} from "./harness/images.ts";

test(
  "images lists: of a list of several architectures this machine's image is taken, from a registry and a layout",
  async () => {
    await using daemon = await TestDaemon.start();
    await using registry = await TestRegistry.start(daemon.dir);
    const base = await busyboxLayer(daemon.dir);
    const partsFor = (architecture: string) => ({
      architecture,
      layers: [base, layerOf(daemon.dir, { machine: architecture })],
      config: { Cmd: ["cat", "/machine"] },
    });
    // Neither the first nor the last one.
    const several = ["s390x", ARCHITECTURE, "riscv64"].map(partsFor);
    const layout = await makeImageList(daemon.dir, several);
    const pushed = await registry.push(layout, "several");
    for (const image of [pushed, layout]) {
      assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), image), ARCHITECTURE, image);
    }
    const [{ id }] = JSON.parse(`[${await ok(daemon, "image", "inspect", "--json", pushed)}]`);
    assert.equal((await ok(daemon, "images", "-q")).trim(), id);

    const foreign = await makeImageList(daemon.dir, ["s390x", "riscv64"].map(partsFor));
    const other = await makeImage(daemon.dir, partsFor("s390x"));
    for (const image of [await registry.push(foreign, "foreign"), foreign]) {
      for (const args of [["pull"], ["run", "--rm", ...cgroup(daemon)]]) {
        const { code, stderr } = await cli(daemon, [...args, image]);
        assert.equal(code, 125);
        const why =
          `none of its images is for linux/${ARCHITECTURE}; skopeo inspect --raw lists them`;
        assert.ok(stderr.endsWith(`: ${why}\n`), stderr);
      }
    }
    // One that is no list may be for an emulator, which the kernel has to know.
    const told = await cli(daemon, ["pull", other]);
    assert.equal(told.code, 0);
    assert.equal(told.stderr, `Pulling ${other}\n${other} is for s390x\n`);
  },
  "docker-registry",
);
