// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output, run } from "../harness/command.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { program } from "../harness/run.ts";
import { isKernelAtLeast } from "../../src/linux/kernel_release.ts";
import { FSOPEN, withoutCall } from "../../src/linux/mount/without_call_testing.ts";

test("images: a container writes to a layer of its own, kept until rm; the image's layers are shared", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const one = await makeImage(daemon.dir, { layers: [base, layerOf(daemon.dir, { f: "one" })] });
  await ok(daemon, "pull", one);
  const used = async () =>
    Number((await run(["du", "-sk", `${daemon.root}/images/storage/overlay`])).split("\t")[0]);
  const before = await used();
  const two = await makeImage(daemon.dir, { layers: [base, layerOf(daemon.dir, { f: "two" })] });
  await ok(daemon, "pull", two);
  assert.ok(await used() - before < 100, "the second image has only one layer of its own");

  const script = "echo mine > /f; rm /etc/passwd; cat /f";
  const args = [...cgroup(daemon), one, "sh", "-c", script];
  assert.equal(await ok(daemon, "run", "--name", "a", ...args), "mine\n");
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), one, "cat", "/f"), "one");
  const layer = `${daemon.root}/overlay/a`;
  assert.equal([...Deno.readDirSync(layer)].length, 1);
  await ok(daemon, "rm", "a");
  assert.throws(() => Deno.statSync(layer), Deno.errors.NotFound);
});

test("images: volumes of an image begin with what the image has, and its user can write to them", async () => {
  await using daemon = await startForImages();
  const content = layerOf(daemon.dir, {
    "data/file": "from image",
    "etc/passwd": "app:x:9:9:::\n",
  });
  Deno.chownSync(`${content}/data`, 9, 9);
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir), content],
    config: { User: "app", Volumes: { "/data": {}, "/var/empty": {} } },
  });
  const script = "cat /data/file; echo x > /data/new; echo y > /var/empty/new; id -u";
  const args = ["run", "--name", "v", ...cgroup(daemon), image, "sh", "-c", script];
  assert.deepEqual((await cli(daemon, args)).stdout, "from image9\n");
  const dir = `${daemon.root}/volumes/v`;
  const [{ name }] = [...Deno.readDirSync(dir)] as [Deno.DirEntry];
  assert.equal(Deno.readTextFileSync(`${dir}/${name}/1/new`), "y\n");
  await ok(daemon, "rm", "v");
  assert.throws(() => Deno.statSync(dir), Deno.errors.NotFound);
  // One that the user asks for at the same place is the same volume, read-only if that is wanted.
  const readOnly = ["--mount", "type=volume,dst=/data/.,ro", "-v", "/data", image];
  const both = ["run", "--rm", ...cgroup(daemon), ...readOnly];
  const look = "cat /data/file; grep -c ' /data ' /proc/self/mountinfo; touch /data/x";
  const { code, stdout, stderr } = await cli(daemon, [...both, "sh", "-c", look]);
  assert.deepEqual([code, stdout], [1, "from image1\n"]);
  assert.match(stderr, /Read-only/);
});

test("images: an image of 120 layers runs, and one of 160, which mount(2) has no room for", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir)];
  for (let n = 1; n < 160; n++) layers.push(layerOf(daemon.dir, { [`layers/${n}`]: "" }));
  // That many take Linux 6.8: below, the next test's refusal is the kernel's own.
  const counts = isKernelAtLeast(Deno.osRelease(), "6.8") ? [120, 160] : [120];
  for (const count of counts) {
    const image = await makeImage(daemon.dir, { layers: layers.slice(0, count) });
    const script = ["sh", "-c", "ls /layers | wc -l; echo mine > /layers/1; cat /layers/1"];
    const output = await ok(daemon, "run", "--rm", ...cgroup(daemon), image, ...script);
    assert.equal(output, `${count - 1}\nmine\n`);
  }
});

test(
  "images: an image of 160 layers is refused by its name on a kernel without fsopen(2), a stand-in",
  async () => {
    await using daemon = await startForImages();
    const layers = [await busyboxLayer(daemon.dir)];
    for (let n = 1; n < 160; n++) layers.push(layerOf(daemon.dir, { [`layers/${n}`]: "" }));
    const image = await makeImage(daemon.dir, { layers });
    const run = [...program(), "run", "--rm", ...cgroup(daemon), image, "true"];
    const env = { BERTH_SOCKET: daemon.socket };
    const { code, stderr } = await output(["python3", ...withoutCall(FSOPEN, run)], { env });
    assert.equal(code, 125);
    const refused = /cannot run image .*: that many take Linux 6\.8 or later, and this is \d+\.\d+/;
    assert.match(stderr, refused);
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
    assert.deepEqual(await daemon.containerIds(), []);
  },
  "python3",
);

test("images: mounts below a volume of the image are seen, and /etc as a volume has the container's names", async () => {
  await using daemon = await startForImages();
  const content = layerOf(daemon.dir, { "data/file": "of the image", "etc/own": "kept" });
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir), content],
    config: { Volumes: { "/data/deep/er": {}, "/data": {}, "/etc": {} } },
  });
  const mine = layerOf(daemon.dir, { file: "of the user" });
  const script = "cat /data/file /data/deep/file /etc/own /etc/hostname; " +
    "grep -c names-host /etc/hosts; test -s /etc/resolv.conf; echo x > /data/deep/er/file; " +
    "grep -c ' /data' /proc/self/mountinfo";
  const args = ["run", "--rm", "-h", "names-host", ...cgroup(daemon)];
  const volume = ["-v", `${mine}:/data/deep`];
  assert.equal(
    await ok(daemon, ...args, ...volume, image, "sh", "-c", script),
    "of the imageof the userkeptnames-host\n1\n3\n",
  );
  // What the user mounts at a volume's place is there instead of it, however the place is written.
  const instead = ["-v", `${mine}:/data/.`, image, "ls", "/data"];
  assert.equal(await ok(daemon, ...args, ...instead), "deep\ner\nfile\n");
});

test("images: a container keeps its layer, volumes and names when it is started again, until rm", async () => {
  await using daemon = await startForImages();
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir)],
    config: {
      Cmd: [
        "sh",
        "-c",
        "echo run >> /mine; echo run >> /data/own; cat /mine /data/own /etc/hostname",
      ],
      Volumes: { "/data": {} },
    },
  });
  const args = ["create", "--name", "kept", "-h", "kept-host", ...cgroup(daemon), image];
  await ok(daemon, ...args);
  for (const round of [1, 2]) {
    await ok(daemon, "start", "kept");
    assert.equal(await ok(daemon, "wait", "kept"), "0\n");
    const log = await ok(daemon, "logs", "kept");
    assert.ok(log.endsWith(`${"run\n".repeat(2 * round)}kept-host\n`), log);
  }
  assert.equal((await cli(daemon, ["rmi", image])).code, 125);
  await ok(daemon, "rm", "kept");
  for (const kind of ["overlay", "volumes", "etc"]) {
    assert.throws(() => Deno.statSync(`${daemon.root}/${kind}/kept`), Deno.errors.NotFound, kind);
  }
  await ok(daemon, "rmi", image);
});
