// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cli } from "./harness/cli.ts";
import { TestDaemon } from "./harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  makeImage,
  ok,
  run,
} from "./harness/images.ts";
import { rootfsDir } from "./harness/rootfs.ts";
import { pathWithout } from "./harness/run.ts";

const COPY = ["skopeo", "--insecure-policy", "copy", "-q"];

test("images archives: load takes gzip, a colon in the name, names with ./, and many tags at once", async () => {
  await using daemon = await TestDaemon.start();
  const { dir } = daemon;
  const config = { Cmd: ["echo", "hi"] };
  const source = await makeImage(dir, { layers: [await busyboxLayer(dir)], config });
  const [docker, oci, plain] = [`${dir}/docker.tar`, `${dir}/oci.tar`, `${dir}/plain`];
  await run([...COPY, source, `docker-archive:${docker}:example.org/docker:1`]);
  await run([...COPY, source, `oci-archive:${oci}:example.org/oci:1`]);
  await run([
    ...["sh", "-c"],
    `set -e; cd ${dir}; cp docker.tar a:b.tar; gzip -k docker.tar oci.tar
    for program in xz zstd bzip2; do $program -kq docker.tar || true; done
    mkdir plain; tar -C plain -xf oci.tar; tar -C plain -cf dots.tar .`,
  ]);
  for (
    const [file, name] of [
      [`${dir}/a:b.tar`, "example.org/docker:1"],
      [`${docker}.gz`, "example.org/docker:1"],
      [`${oci}.gz`, "example.org/oci:1"],
      ...["xz", "zst", "bz2"].map((end) => [`${docker}.${end}`, "example.org/docker:1"] as const)
        .filter(([file]) => existsSync(file)),
      [`${dir}/dots.tar`, "example.org/oci:1"],
    ] as const
  ) {
    assert.equal(await ok(daemon, "load", "-i", file), `Loaded image: ${name}\n`, file);
    assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), name), "hi\n", file);
    await ok(daemon, "rmi", name);
  }
  // tar(1) of busybox has fewer options.
  Deno.mkdirSync(`${dir}/bin`);
  Deno.symlinkSync(`${rootfsDir()}/bin/busybox`, `${dir}/bin/tar`);
  const busybox = { PATH: `${dir}/bin:${Deno.env.get("PATH")}` };
  for (const file of [docker, oci, `${dir}/dots.tar`]) {
    const { code, stderr } = await cli(daemon, ["load", "-i", file], { env: busybox });
    assert.equal(code, 0, stderr);
  }
  const { code, stderr } = await cli(daemon, ["load"], { stdin: "no archive at all" });
  assert.equal(code, 125);
  assert.match(stderr, /^berth: standard input is no archive of images: \S*tar: /);
  const piped = await cli(daemon, ["load"], { stdin: Deno.readFileSync(`${docker}.gz`) });
  assert.deepEqual(piped.stdout, "Loaded image: example.org/docker:1\n", piped.stderr);

  // More names than fit into a pipe, each as long as it may be.
  await run(["sh", "-c", `rm -r ${plain}; mkdir ${plain}; tar -C ${plain} -xf ${docker}`]);
  const [manifest] = JSON.parse(Deno.readTextFileSync(`${plain}/manifest.json`));
  const tags = Array.from(
    { length: 700 },
    (_, n) => `example.org/many:${String(n).padStart(100, "t")}`,
  );
  Deno.writeTextFileSync(
    `${plain}/manifest.json`,
    JSON.stringify([{ ...manifest, RepoTags: tags }, { ...manifest, RepoTags: null }]),
  );
  await run(["tar", "-C", plain, "-cf", `${dir}/many.tar`, "."]);
  const names = (await ok(daemon, "load", "-i", `${dir}/many.tar`)).trim().split("\n");
  assert.deepEqual(names.slice(0, -1), tags.map((tag) => `Loaded image: ${tag}`));
  assert.match(names.at(-1) ?? "", /^Loaded image: localhost\/loaded-[0-9a-f]{12}:latest$/);
  const list = await ok(daemon, "images", "-q", "example.org/many");
  assert.equal(list.trim().split("\n").length, 1);

  const env = { PATH: pathWithout(dir, "skopeo") };
  const missing = await cli(daemon, ["load", "-i", docker], { env });
  assert.equal(missing.code, 125);
  assert.match(missing.stderr, /install the package skopeo/);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
});
