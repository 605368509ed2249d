// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { run } from "../harness/command.ts";
import { ROOT } from "../../scripts/root.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { PausedSkopeo } from "../harness/images/paused_skopeo.ts";
import { until } from "../harness/poll.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { pathWithout, program } from "../harness/run.ts";

test("images archives: load takes gzip, a colon in the name, names with ./, and many tags at once", async () => {
  await using daemon = await startForImages();
  const { dir } = daemon;
  const config = { Cmd: ["echo", "hi"] };
  const source = await makeImage(dir, { layers: [await busyboxLayer(dir)], config });
  const [docker, oci, plain] = [`${dir}/docker.tar`, `${dir}/oci.tar`, `${dir}/plain`];
  await copyImage(source, `docker-archive:${docker}:example.org/docker:1`);
  await copyImage(source, `oci-archive:${oci}:example.org/oci:1`);
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
  const bad = await cli(daemon, ["import", "-", "my/bad"], { stdin: "no archive at all" });
  assert.equal(bad.code, 125);
  assert.match(bad.stderr, /^berth: cannot import docker\.io\/my\/bad:latest: /);
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
  assert.match(names.at(-1) ?? "", /^Loaded image ID: sha256:[0-9a-f]{64}$/);
  const list = await ok(daemon, "images", "-q", "example.org/many");
  assert.equal(list.trim().split("\n").length, 1);

  const env = { PATH: pathWithout(dir, "skopeo") };
  const missing = await cli(daemon, ["load", "-i", docker], { env });
  assert.equal(missing.code, 125);
  assert.match(missing.stderr, /install the package skopeo/);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
});

test("images archives: images without a name that are loaded at once are not taken for each other", async () => {
  await using daemon = await startForImages();
  const { dir } = daemon;
  const nameless = async (text: string) => {
    const layers = [await busyboxLayer(dir)];
    const source = await makeImage(dir, { layers, config: { Cmd: ["echo", text] } });
    const [archive, plain] = [`${dir}/${text}.tar`, `${dir}/${text}`];
    await copyImage(source, `docker-archive:${archive}`);
    Deno.mkdirSync(plain);
    await run(["tar", "-C", plain, "-xf", archive]);
    // Nothing says that its name is its digest.
    const [manifest] = JSON.parse(Deno.readTextFileSync(`${plain}/manifest.json`));
    Deno.renameSync(`${plain}/${manifest.Config}`, `${plain}/config.json`);
    const renamed = [{ ...manifest, Config: "config.json" }];
    Deno.writeTextFileSync(`${plain}/manifest.json`, JSON.stringify(renamed));
    await run(["tar", "-C", plain, "-cf", archive, "."]);
    return Deno.readFileSync(archive);
  };
  const [one, two] = [await nameless("one"), await nameless("two")];
  using paused = new PausedSkopeo();
  const first = cli(daemon, ["load"], { stdin: one, env: paused.env });
  await until("the first", () => paused.waits);
  const second = await cli(daemon, ["load"], { stdin: two });
  paused.release();
  const loaded = [await first, second].map(({ stdout, stderr }) =>
    /^Loaded image ID: sha256:([0-9a-f]{64})\n$/.exec(stdout)?.[1] ?? stderr
  );
  for (const [index, id] of loaded.entries()) {
    const said = await ok(daemon, "run", "--rm", ...cgroup(daemon), id);
    assert.equal(said, ["one\n", "two\n"][index]);
  }
});

test("images archives: an OCI archive names its images as buildkit does, and what cannot be told apart is refused whole", async () => {
  await using daemon = await startForImages();
  const { dir } = daemon;
  const base = await busyboxLayer(dir);
  const layouts = [];
  for (const text of ["one", "two"]) {
    const layers = [base, layerOf(dir, { f: text })];
    const image = await makeImage(dir, { layers, config: { Cmd: ["cat", "/f"] } });
    layouts.push(image.replace(/^oci:|:latest$/g, ""));
  }
  const [first = "", second = ""] = layouts;
  await run(["sh", "-c", `cp ${second}/blobs/sha256/* ${first}/blobs/sha256/`]);
  const manifests = layouts.map((layout) =>
    JSON.parse(Deno.readTextFileSync(`${layout}/index.json`)).manifests[0]
  );
  const archive = `${dir}/several.tar`;
  const load = async (...annotations: (Record<string, string> | undefined)[]) => {
    // The third is the first again, under another name.
    const named = annotations.map((given, at) => ({ ...manifests[at % 2], annotations: given }));
    const index = JSON.stringify({ schemaVersion: 2, manifests: named });
    Deno.writeTextFileSync(`${first}/index.json`, index);
    await run(["tar", "-C", first, "-cf", archive, "."]);
    return await cli(daemon, ["load", "-i", archive]);
  };
  const ref = "org.opencontainers.image.ref.name", whole = "io.containerd.image.name";
  const buildkit = await load(
    { [ref]: "1", [whole]: "docker.io/library/app:1" },
    { [ref]: "2", [whole]: "docker.io/library/app:2" },
  );
  assert.deepEqual([buildkit.stdout, buildkit.stderr], [
    "Loaded image: app:1\nLoaded image: app:2\n",
    "",
  ]);
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), "app:2"), "two");
  await ok(daemon, "image", "prune", "--all");
  const twice = await load(
    { [ref]: "1", [whole]: "docker.io/library/app:1" },
    { [ref]: "2", [whole]: "docker.io/library/app:2" },
    { [ref]: "1", [whole]: "docker.io/library/again:1" },
  );
  assert.deepEqual([twice.stdout, twice.stderr], [
    "Loaded image: app:1\nLoaded image: again:1\nLoaded image: app:2\n",
    "",
  ]);
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), "again:1"), "one");
  // A tag alone is no name: the next image of that tag would take it over.
  const tagged = await load({ [ref]: "latest" });
  assert.match(
    tagged.stdout,
    /^Loaded image ID: sha256:[0-9a-f]{64}\n$/,
    tagged.stderr,
  );
  await ok(daemon, "image", "prune", "--all");
  // Skopeo takes one name, which docker would not.
  const odd = await load({ [ref]: "Upper" });
  assert.match(odd.stdout, /^Loaded image ID: sha256:[0-9a-f]{64}\n$/, odd.stderr);
  const id = odd.stdout.trim().replace(/^.*sha256:/, "");
  const listed = await ok(daemon, "images", "--format", "{{.Repository}} {{.ID}}");
  assert.equal(listed, `<none> ${id.slice(0, 12)}\n`);
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), id), "one");
  await ok(daemon, "image", "prune", "--all");
  for (
    const [annotations, pattern] of [
      [[undefined, undefined], /several\.tar holds 2 images, and skopeo tells them apart only if/],
      [[{ [ref]: "a" }, undefined], /holds 2 images, .*name them, or save each in an archive/],
      [[{ [ref]: "a" }, { [ref]: "a" }], /holds 2 images, /],
      [[], /several\.tar holds no images/],
    ] as const
  ) {
    const { code, stdout, stderr } = await load(...annotations);
    assert.deepEqual([code, stdout], [125, ""]);
    assert.match(stderr, pattern);
    assert.equal(await ok(daemon, "images", "-q"), "");
  }
  for (
    const [args, why] of [
      [["load", "-i", dir], `${dir} is a directory, not an archive`],
      [["import", "/nowhere.tar", "x"], "/nowhere.tar: no such file"],
    ] as const
  ) {
    assert.deepEqual(await cli(daemon, args), { code: 125, stdout: "", stderr: `berth: ${why}\n` });
  }
  // As of a pipe whose writer failed.
  const empty = await cli(daemon, ["import", "-", "x"], { stdin: "" });
  assert.deepEqual(empty, { code: 125, stdout: "", stderr: "berth: the archive is empty\n" });
  for (
    const [args, instead] of [
      [["load"], "--input FILE"],
      [["import", "-", "x"], "FILE in place of -"],
    ] as const
  ) {
    await using terminal = new PtyProcess([...program(), ...args], {
      env: { BERTH_SOCKET: daemon.socket, PATH: Deno.env.get("PATH") ?? "" },
      cwd: dir,
    });
    await terminal.shows(`say which archive: ${instead}`);
    assert.equal(await terminal.exited(), 125);
  }
  await load(undefined, undefined);
  const several = await cli(daemon, ["pull", `oci-archive:${archive}`]);
  assert.match(several.stderr, /it holds several images: say which one, as oci:DIR:TAG/);
});

test("images archives: the two lines of docs/images.md make a root filesystem, which runs and can be imported", async () => {
  await using daemon = await startForImages();
  const [, recipe = ""] = /```sh\n(mkdir -p rootfs\/bin [^`]*)```/.exec(
    Deno.readTextFileSync(`${ROOT}/docs/images.md`),
  ) ?? [];
  assert.equal(recipe.trim().split("\n").length, 2);
  await run(["sh", "-ec", `cd ${daemon.dir}\n${recipe}`]);
  const rootfs = `${daemon.dir}/rootfs`;
  const hello = ["run", "--rm", ...cgroup(daemon)];
  assert.equal(await ok(daemon, ...hello, "--rootfs", rootfs, "--", "echo", "hello"), "hello\n");
  await run(["tar", "-C", rootfs, "-cf", `${daemon.dir}/rootfs.tar`, "."]);
  await ok(daemon, "import", "--cmd", "echo imported", `${daemon.dir}/rootfs.tar`, "my/base");
  assert.equal(await ok(daemon, ...hello, "my/base"), "imported\n");
});

test("berth import: without a name an image has its id alone, which prune removes as its filters say", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const imported = async () => (await ok(daemon, "import", "--cmd", "echo nameless", base)).trim();
  const [first, second] = [await imported(), await imported()];
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.notEqual(first, second);
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), first), "nameless\n");
  const layers = [base, layerOf(daemon.dir, { f: "labeled" })];
  const labeled = await makeImage(daemon.dir, { layers, config: { Labels: { tier: "front" } } });
  await ok(daemon, "pull", labeled);
  const prune = (...filters: string[]) =>
    ok(daemon, "image", "prune", "--all", ...filters.flatMap((filter) => ["--filter", filter]));
  assert.equal(await prune("label=tier=back"), "");
  // The labeled one does not say when it was made: it is older than anything.
  assert.equal(await prune("until=1h", "label!=tier"), "");
  assert.equal(await prune("label!=tier", "until=0"), "");
  assert.match(await prune("until=1h"), new RegExp(`^Untagged: ${labeled}\nDeleted: \\w+\n$`));
  assert.deepEqual((await ok(daemon, "images", "-q", "--no-trunc")).trim().split("\n").sort(), [
    ...[first, second].sort(),
  ]);
  // docker's words that change nothing.
  await ok(daemon, "rmi", "--no-prune", first);
  assert.equal(await prune("label!=tier"), `Deleted: ${second}\n`);
  for (const filter of ["until=", "until=soon", "dangling=true", "label", "label="]) {
    const refused = await cli(daemon, ["image", "prune", "--filter", filter]);
    assert.equal(refused.code, 125, filter);
    assert.match(refused.stderr, /^berth: option '--filter [^\n]+ is invalid\. expected [^\n]+\n$/);
  }
});
