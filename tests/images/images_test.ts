// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output, run } from "../harness/command.ts";
import { readMountInfo } from "../../src/linux/mount/mountinfo.ts";
import { cli } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  ok,
  startForImages,
  TestRegistry,
} from "../harness/images/images.ts";
import { pathWithout, program } from "../harness/run.ts";
import { FSOPEN, withoutCall } from "../../src/linux/mount/without_call_testing.ts";

/** A text that a compressor makes little of. */
function randomText(): string {
  return Array.from({ length: 10_000 }, () => crypto.randomUUID()).join("\n");
}

test(
  "berth run: pulls an image that is not there, and runs it without skopeo the next time",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { "etc/motd": "hello" })];
    const config = { Cmd: ["cat", "/etc/motd"], Env: ["PATH=/bin", "FROM_IMAGE=1"] };
    const image = await registry.push(await makeImage(daemon.dir, { layers, config }), "a/b:1");

    const first = await cli(daemon, ["run", "--rm", ...cgroup(daemon), image]);
    assert.deepEqual(first, { code: 0, stdout: "hello", stderr: `Pulling ${image}\n` });
    // A PATH without skopeo: what is there is not looked up again.
    const env = { PATH: pathWithout(daemon.dir, "skopeo") };
    const second = await cli(daemon, ["run", "--rm", ...cgroup(daemon), image, "env"], { env });
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^FROM_IMAGE=1$/m);
    // A name that is not set here takes the image's variable away.
    const less = await ok(
      daemon,
      ...["run", "--rm", "-e", "FROM_IMAGE", "-e", "NONE", ...cgroup(daemon), image, "env"],
    );
    assert.match(less, /^PATH=\/bin$/m);
    assert.doesNotMatch(less, /FROM_IMAGE|NONE/);
    const missing = await cli(daemon, ["pull", image], { env });
    assert.equal(missing.code, 125);
    assert.match(missing.stderr, /install the package skopeo/);
    assert.equal(
      readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(daemon.dir)).length,
      0,
    );
  },
  "docker-registry",
);

test(
  "run --pull always takes what a tag means now, never takes what is there or fails",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const base = await busyboxLayer(daemon.dir);
    const push = async (text: string) => {
      const layers = [base, layerOf(daemon.dir, { v: text })];
      return await registry.push(await makeImage(daemon.dir, { layers }), "tag");
    };
    const image = await push("one");
    const show = (...pull: string[]) =>
      cli(daemon, ["run", "--rm", ...pull, ...cgroup(daemon), image, "cat", "/v"]);
    const never = await show("--pull", "never");
    assert.deepEqual([never.code, never.stdout], [125, ""]);
    assert.match(never.stderr, /no image .*\/tag/);
    assert.equal((await show()).stdout, "one");
    await push("two");
    assert.equal((await show()).stdout, "one");
    assert.equal((await show("--pull=always")).stdout, "two");
    assert.equal((await show("--pull=never")).stdout, "two");
    // The image that lost its name is gone with the next prune.
    const lines = (await ok(daemon, "images", "--json")).trim().split("\n").map((l) =>
      JSON.parse(l)
    );
    assert.deepEqual(lines.map(({ name }) => name === null || name === undefined), [false, true]);
    assert.match(await ok(daemon, "image", "prune"), new RegExp(`^Deleted: ${lines[1].id}\n$`));
    assert.equal((await ok(daemon, "images", "-q")).trim(), lines[0].id);
  },
  "docker-registry",
);

test(
  "berth pull with a password, and what it says of a wrong one, a missing image, no registry",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir, "secret");
    const source = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
    const image = await registry.push(source, "private", "secret");
    const fails = async (pattern: RegExp, ...args: string[]) => {
      const { code, stderr } = await cli(daemon, ["pull", ...args]);
      assert.equal(code, 125);
      assert.match(stderr, pattern);
      assert.ok(!/level=fatal/.test(stderr), stderr);
    };
    await fails(/cannot pull .*(authentication required|unauthorized)/s, image);
    await fails(
      /cannot pull .*(authentication required|unauthorized)/s,
      "--creds",
      "user:no",
      image,
    );
    const other = `${registry.address}/other`;
    await fails(/no image .*other.*: /s, "--creds", "user:secret", other);
    await fails(/connection refused/, "127.0.0.1:1/x");
    await fails(/no image name/, "UPPER");
    assert.match(await ok(daemon, "pull", "--creds", "user:secret", image), /^[0-9a-f]{64}\n$/);
    const auth = btoa("user:secret");
    const authfile = `${daemon.dir}/auth.json`;
    Deno.writeTextFileSync(authfile, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    await ok(daemon, "pull", "--authfile", authfile, image);
    await fails(/--authfile \/nowhere: no such file/, "--authfile", "/nowhere", image);
    await fails(/--creds: expected user:password/, "--creds", ":secret", image);
  },
  "docker-registry",
  "htpasswd",
);

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

test("berth image rm removes one name of several, and nothing that a container uses", async () => {
  await using daemon = await startForImages();
  await using registry = await TestRegistry.start(daemon.dir);
  const source = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
  const a = await registry.push(source, "a");
  const b = await registry.push(source, "b");
  await ok(daemon, "pull", a, b);
  await ok(daemon, "create", "--name", "user", ...cgroup(daemon), a, "true");
  // What the container uses is not for its user to say.
  const label = ["--label", "berth.image-id=other"];
  const labeled = await cli(daemon, ["create", ...label, ...cgroup(daemon), a, "true"]);
  assert.equal(labeled.code, 125);
  assert.match(labeled.stderr, /berth\.image-id: labels that begin with berth\. are berth's own/);
  assert.equal(await ok(daemon, "rmi", b), `Untagged: ${b}:latest\n`);
  const refused = await cli(daemon, ["rmi", a]);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    /used by user; remove the container first, as by berth rm user; --force removes only its name$/m,
  );
  assert.match(await ok(daemon, "images"), new RegExp(`${a}:latest .* user$`, "m"));
  assert.equal(await ok(daemon, "image", "prune", "--all"), "");
  await ok(daemon, "rm", "user");
  assert.match(await ok(daemon, "rmi", a), /^Untagged: .*a:latest\nDeleted: [0-9a-f]{64}\n$/);
  assert.equal(await ok(daemon, "images", "-q"), "");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/storage/overlay/l`)], []);
  assert.equal((await cli(daemon, ["rmi", "nope"])).code, 125);
}, "docker-registry");

test("berth rmi --force takes the name of an image that a container uses, whose files stay", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { motd: "kept" })];
  const image = await makeImage(daemon.dir, { layers, config: { Cmd: ["cat", "/motd"] } });
  for (const name of ["one", "two"]) {
    await ok(daemon, "create", "--name", name, ...cgroup(daemon), image);
  }
  const refused = await cli(daemon, ["rmi", image]);
  assert.match(refused.stderr, /used by \w+, \w+; remove the containers first, as by berth rm /);
  assert.equal(await ok(daemon, "rmi", "--force", image), `Untagged: ${image}\n`);
  const left = JSON.parse(await ok(daemon, "images", "--json"));
  assert.deepEqual([left.name, left.usedBy.toSorted()], [undefined, ["one", "two"]]);
  await ok(daemon, "start", "one");
  await ok(daemon, "wait", "one");
  assert.equal(await ok(daemon, "logs", "one"), "kept");
  // No name is left to be taken, and the files are needed still.
  const again = await cli(daemon, ["rmi", "-f", left.id]);
  assert.equal(again.code, 125);
  assert.match(
    again.stderr,
    /used by \w+, \w+; remove the containers first, as by berth rm \w+ \w+$/m,
  );
  assert.equal(await ok(daemon, "image", "prune", "--all"), "");
  await ok(daemon, "rm", "one", "two");
  assert.equal(await ok(daemon, "rmi", "-f", left.id), `Deleted: ${left.id}\n`);
  const gone = await cli(daemon, ["rmi", "-f", left.id]);
  assert.deepEqual([gone.code, gone.stdout], [0, ""]);
  assert.match(gone.stderr, /no image /);
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

test("images: an image of 120 layers runs, and one of 160, which mount(2) has no room for", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir)];
  for (let n = 1; n < 160; n++) layers.push(layerOf(daemon.dir, { [`layers/${n}`]: "" }));
  for (const count of [120, 160]) {
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
