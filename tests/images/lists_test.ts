// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ARCHITECTURE } from "../../src/images/image_config.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  makeImageList,
  startForImages,
} from "../harness/images/images.ts";
import { TestRegistry } from "../harness/images/registry.ts";

/**
 * Returns what makes the image of an architecture, which tells it. It has this machine's programs in any
 * case, so that each of them runs here.
 */
async function imagesOfMachines(dir: string) {
  const base = await busyboxLayer(dir);
  return (architecture: string) => ({
    architecture,
    layers: [base, layerOf(dir, { machine: architecture })],
    config: { Cmd: ["cat", "/machine"] },
  });
}

test(
  "images lists: of a list of several architectures this machine's image is taken, from a registry and a layout",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const partsFor = await imagesOfMachines(daemon.dir);
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

test(
  "images lists: --platform takes another machine's image of a list, and pulls again where the one here is for another",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const partsFor = await imagesOfMachines(daemon.dir);
    const list = await makeImageList(daemon.dir, [ARCHITECTURE, "s390x", "riscv64"].map(partsFor));
    const image = await registry.push(list, "several:1");
    const fails = async (why: string, ...args: string[]) => {
      const { code, stderr } = await cli(daemon, args);
      assert.equal(code, 125, stderr);
      assert.ok(stderr.endsWith(`${why}\n`), stderr);
    };
    const run = (...args: string[]) => ["run", "--rm", ...cgroup(daemon), ...args, image];
    const of = (architecture: string) => ["--platform", `linux/${architecture}`];

    const pulled = await cli(daemon, ["pull", ...of("s390x"), image]);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal(pulled.stderr, `Pulling ${image}\n${image} is for s390x\n`);
    const [{ config }] = JSON.parse(`[${await ok(daemon, "image", "inspect", "--json", image)}]`);
    assert.equal(config.architecture, "s390x");
    // As with docker, the name is the last one's that was pulled.
    const plain = await cli(daemon, run());
    assert.deepEqual(plain, { code: 0, stdout: "s390x", stderr: `${image} is for s390x\n` });
    const asked = await cli(daemon, run(...of("s390x")));
    assert.deepEqual(asked, { code: 0, stdout: "s390x", stderr: "" });
    await fails(
      `image ${image} here is for linux/s390x, not for what --platform says`,
      ...run("--pull=never", ...of("riscv64")),
    );
    const again = await cli(daemon, run(...of(ARCHITECTURE)));
    assert.deepEqual(again, { code: 0, stdout: ARCHITECTURE, stderr: `Pulling ${image}\n` });
    const there = await cli(daemon, run(...of(ARCHITECTURE)));
    assert.deepEqual(there, { code: 0, stdout: ARCHITECTURE, stderr: "" });

    await fails(
      `none of its images is for linux/mips64le; skopeo inspect --raw lists them`,
      ...["pull", ...of("mips64le"), image],
    );
    const images = await ok(daemon, "images", "-q");
    const single = await makeImage(daemon.dir, {
      ...partsFor(ARCHITECTURE),
      config: { Cmd: ["true"] },
    });
    await fails(
      `it is for linux/${ARCHITECTURE}, not linux/s390x`,
      ...["pull", ...of("s390x"), single],
    );
    assert.equal(await ok(daemon, "images", "-q"), images, "nothing of it was stored");
    await fails(
      `the image of that name here is for linux/${ARCHITECTURE}, not for what --platform says`,
      ...run(...of("mips64le")),
    );
    await fails(
      `here is for linux/${ARCHITECTURE}, not for what --platform says`,
      ...["run", "--rm", ...of("s390x"), images.split("\n")[0] ?? ""],
    );
    const { code, stderr } = await cli(daemon, ["pull", "--platform", "windows/amd64", image]);
    assert.equal(code, 125);
    assert.match(stderr, /images for windows cannot run here, those for linux can/);
    assert.equal(await ok(daemon, ...run("--pull=never")), ARCHITECTURE);
  },
  "docker-registry",
);
