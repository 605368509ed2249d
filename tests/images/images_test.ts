// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
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
import { TestRegistry } from "../harness/images/registry.ts";

/** A text that a compressor makes little of. */
function randomText(): string {
  return Array.from({ length: 10_000 }, () => crypto.randomUUID()).join("\n");
}

test("berth run: takes command, user, directory, environment, stop signal and labels of the image", async () => {
  await using daemon = await startForImages();
  const passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";
  const layers = [
    await busyboxLayer(daemon.dir),
    layerOf(daemon.dir, { "etc/passwd": passwd, "etc/group": "root:x:0:\nextra:x:7:app\n" }),
  ];
  const image = await makeImage(daemon.dir, {
    layers,
    config: {
      Entrypoint: ["sh", "-c"],
      Cmd: ['echo "$(id -u) $(id -g) $(id -G) $(pwd) $X $0"'],
      Env: ["PATH=/bin", "X=image"],
      User: "app",
      WorkingDir: "/srv/work",
      StopSignal: "SIGINT",
      Labels: {
        "io.kubernetes.cri.sandbox-id": "not-a-group",
        big: "x".repeat(20_000),
        maker: "me",
      },
    },
  });
  const inImage = (...args: string[]) => cli(daemon, ["run", "--rm", ...cgroup(daemon), ...args]);
  assert.equal((await inImage(image)).stdout, "1000 1000 1000 7 /srv/work image sh\n");
  const changed = await inImage(
    ...["-u", "0", "-w", "/tmp", "-e", "X=mine", "--entrypoint", "", image],
    ...["sh", "-c", 'echo "$(id -u) $(pwd) $X"'],
  );
  assert.equal(changed.stdout, "0 /tmp mine\n");
  const entry = await inImage("--entrypoint", "echo", image, "a", "b");
  assert.equal(entry.stdout, "a b\n");

  await ok(daemon, "create", "--name", "c", ...cgroup(daemon), image);
  const state = JSON.parse(await ok(daemon, "inspect", "--spec", "c"));
  assert.equal(state.labels["image.maker"], "me");
  assert.equal(state.labels["image.big"], undefined, "there is no room for it");
  assert.equal(state.labels["berth.image"], image);
  // The daemon adds the one for checkpoints; none comes from a label.
  const { "org.criu.config": _, ...annotations } = state.spec.annotations;
  assert.deepEqual(annotations, { "org.opencontainers.image.stopSignal": "SIGINT" });
  const unknown = await makeImage(daemon.dir, {
    layers,
    config: { User: "nobody-knows", Cmd: ["sh"] },
  });
  const { code, stderr } = await inImage(unknown);
  assert.equal(code, 125);
  assert.match(stderr, /no user nobody-knows/);
  assert.deepEqual((await cli(daemon, ["ps", "-q"])).stdout, "c\n");
});

test("berth inspect names the command for an image that is called so, and none for what is neither", async () => {
  await using daemon = await startForImages();
  const layer = await busyboxLayer(daemon.dir);
  const none = await cli(daemon, ["inspect", "base"]);
  assert.deepEqual(none, { code: 125, stdout: "", stderr: "berth: no container base\n" });
  assert.throws(() => Deno.statSync(`${daemon.root}/images`), Deno.errors.NotFound);
  await ok(daemon, "import", layer, "base");
  for (const name of ["base", "base:latest", "docker.io/library/base"]) {
    const { code, stderr } = await cli(daemon, ["inspect", name]);
    assert.equal(code, 125);
    assert.equal(
      stderr,
      `berth: no container ${name}; the image of that name is shown by berth image inspect ${name}\n`,
    );
    assert.match(await ok(daemon, "image", "inspect", name), /library\/base:latest/);
  }
  const { stderr } = await cli(daemon, ["inspect", "other", "base"]);
  assert.match(stderr, /^berth: no container other\nberth: no container base; the image /);
  assert.match((await cli(daemon, ["inspect", "other:1"])).stderr, /^berth: invalid id "other:1"/);
});

test("berth load and import take archives from files and standard input", async () => {
  await using daemon = await startForImages();
  const layer = await busyboxLayer(daemon.dir);
  const source = await makeImage(daemon.dir, { layers: [layer], config: { Cmd: ["echo", "hi"] } });
  const archive = `${daemon.dir}/app.tar`;
  await copyImage(source, `docker-archive:${archive}:example.org/app:1`);
  assert.equal(await ok(daemon, "load", "-i", archive), "Loaded image: example.org/app:1\n");
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), "example.org/app:1"), "hi\n");
  await ok(daemon, "rmi", "example.org/app:1");
  const piped = await cli(daemon, ["load"], { stdin: Deno.readFileSync(archive) });
  assert.deepEqual(piped.stdout, "Loaded image: example.org/app:1\n");

  const gzip = `${daemon.dir}/rootfs.tar.gz`;
  await run(["sh", "-c", `gzip -c ${layer} > ${gzip}`]);
  await ok(daemon, "import", "--cmd", "echo imported", gzip, "my/base:2");
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), "my/base:2"), "imported\n");
  const xz = await cli(daemon, ["import", "-", "x"], {
    stdin: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0),
  });
  assert.match(
    xz.stderr,
    /cannot be read: \S*xz: |xz is not in PATH: install the package xz-utils/,
  );
  const oci = `${daemon.dir}/oci.tar`;
  await copyImage(source, `oci-archive:${oci}:example.org/oci:7`);
  const loaded = await cli(daemon, ["load"], { stdin: Deno.readFileSync(oci) });
  assert.equal(loaded.stdout, "Loaded image: example.org/oci:7\n");
  const none = await cli(daemon, ["load"], { stdin: "no archive" });
  assert.equal(none.code, 125);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
});

test(
  "images: what an image cannot be run for is said: another system, no command, a tampered layer",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const layers = [await busyboxLayer(daemon.dir)];
    const fails = async (image: string, pattern: RegExp) => {
      const { code, stderr } = await cli(daemon, ["run", "--rm", ...cgroup(daemon), image]);
      assert.equal(code, 125);
      assert.match(stderr, pattern);
    };
    await fails(await makeImage(daemon.dir, { layers, os: "windows" }), /windows/);
    await fails(await makeImage(daemon.dir, { layers }), /no command to run/);
    await fails("oci:/nowhere:x", /no image oci:\/nowhere:x/);
    // Layers that are here already would not be fetched.
    const fresh = [layerOf(daemon.dir, { large: randomText() })];
    const image = await registry.push(await makeImage(daemon.dir, { layers: fresh }), "t");
    const blobs = (await run([
      ...["find", `${daemon.dir}/registry`, "-path", "*/blobs/*", "-name", "data", "-size", "+50k"],
    ])).trim().split("\n");
    for (const blob of blobs) {
      const bytes = Deno.readFileSync(blob);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      Deno.writeFileSync(blob, bytes);
    }
    await fails(image, /cannot pull .*(digest|checksum|gzip|flate)/is);
    assert.ok(!(await ok(daemon, "images")).includes(image));
  },
  "docker-registry",
);

test("images: what a config asks for and cannot have names the image and what to do", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { file: "text" })];
  Deno.symlinkSync("/not-there", `${layers[1]}/link`);
  const inImage = async (config: Record<string, unknown>, ...args: string[]) => {
    const image = await makeImage(daemon.dir, {
      layers,
      config: { Cmd: ["sh", "-c", "pwd"], ...config },
    });
    const { code, stdout, stderr } = await cli(daemon, [
      ...["run", "--rm", ...cgroup(daemon), ...args],
      image,
    ]);
    return { code, stdout, error: stderr.replace(/^Pulling .*\n/, "").replaceAll(image, "IMAGE") };
  };
  for (
    const [config, status, pattern] of [
      [{ Volumes: { "/file": {} } }, 125, /volume \/file is no directory in it; mount a file/],
      [{ Volumes: { "/": {} } }, 125, /volume \/ would hide all of it/],
      [{ Volumes: { "/.": {} } }, 125, /volume \/ would hide all of it/],
      [{ Volumes: { "srv/../..": {} } }, 125, /volume \/ would hide all of it/],
      [{ Volumes: { "/proc": {} } }, 125, /volume \/proc would hide files of the kernel/],
      [{ Volumes: { "/dev/": {} } }, 125, /volume \/dev would hide files of the kernel/],
      [{ User: "nobody-knows" }, 125, /no user nobody-knows in .*; say another with --user/],
      [{ User: "0:no-group" }, 125, /no group no-group in .*; say another with --user/],
      [{ StopSignal: "SIGNONE" }, 125, /no such signal.*; say another with --stop-signal/],
      [{ WorkingDir: "/file" }, 125, /\/file is a file; say another with --workdir/],
      [{ WorkingDir: "/link/x" }, 125, /\/link\/x leads through the link \/link, .* --workdir$/m],
      [{ Cmd: ["nothing-there"] }, 127, /no such program: it was to run nothing-there, give/],
      [{ Entrypoint: ["/file"] }, 126, /cannot execute it here: .* --entrypoint$/m],
    ] as const
  ) {
    const { code, error } = await inImage(config);
    assert.equal(code, status, error);
    assert.match(error, pattern);
    assert.match(error, /image IMAGE/);
  }
  assert.equal((await inImage({ User: "nobody-knows" }, "-u", "0")).stdout, "/\n");
  assert.equal((await inImage({ WorkingDir: "/file" }, "-w", "/bin")).stdout, "/bin\n");
  // Docker takes both of these as below the root directory.
  const relative = await inImage({ WorkingDir: "srv/app", Volumes: { "srv/app": {} } });
  assert.equal(relative.stdout, "/srv/app\n");
  assert.equal(await ok(daemon, "ps", "-aq"), "");
});
