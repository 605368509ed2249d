// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Swapper } from "../../src/linux/mount/swapper_testing.ts";
import { cli, cliCommand, rootfsArgs } from "../harness/cli.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { TestDaemon } from "../harness/daemon.ts";

async function run(daemon: TestDaemon, name: string, ...options: string[]): Promise<void> {
  const args = ["run", "-d", "--name", name, "--overlay", ...rootfsArgs(daemon), ...options];
  await ok(daemon, [...args, "--", "sleep", "1000"]);
}

async function ok(daemon: TestDaemon, args: string[], stdin?: string): Promise<string> {
  const result = await cli(daemon, args, stdin === undefined ? {} : { stdin });
  assert.deepEqual([result.code, result.stderr], [0, ""], args.join(" "));
  return result.stdout;
}

const sh = (daemon: TestDaemon, id: string, script: string) =>
  ok(daemon, ["exec", id, "--", "sh", "-c", script]);

Deno.test("berth cp copies files and directories both ways, as docker does", async () => {
  await using daemon = await TestDaemon.start();
  await run(daemon, "c");
  const here = `${daemon.dir}/here`;
  Deno.mkdirSync(`${here}/d/sub`, { recursive: true });
  Deno.writeTextFileSync(`${here}/f`, "file");
  Deno.writeTextFileSync(`${here}/d/sub/g`, "deep");
  Deno.chmodSync(`${here}/f`, 0o640);
  // A file: into a directory, under a new name, in the place of another.
  await ok(daemon, ["cp", `${here}/f`, "c:/tmp"]);
  await ok(daemon, ["cp", `${here}/f`, "c:tmp/new"]);
  await ok(daemon, ["cp", `${here}/d/sub/g`, "c:/tmp/new"]);
  assert.equal(
    await sh(daemon, "c", "cat /tmp/f /tmp/new; stat -c ' %a %u' /tmp/f"),
    "filedeep 640 0\n",
  );
  // A directory: as itself, under a new name, its content alone.
  await ok(daemon, ["cp", `${here}/d`, "c:/tmp"]);
  await ok(daemon, ["cp", `${here}/d`, "c:/tmp/e"]);
  await ok(daemon, ["cp", `${here}/d/.`, "c:/tmp"]);
  assert.equal(
    await sh(daemon, "c", "cat /tmp/d/sub/g /tmp/e/sub/g /tmp/sub/g"),
    "deepdeepdeep",
  );
  await ok(daemon, ["cp", "c:/tmp/d", `${here}/back`]);
  assert.equal(Deno.readTextFileSync(`${here}/back/sub/g`), "deep");
  // Owners stay with -a.
  await sh(daemon, "c", "chown 1234:55 /tmp/f");
  await ok(daemon, ["cp", "c:/tmp/f", `${here}/mine`]);
  await ok(daemon, ["cp", "-a", "c:/tmp/f", `${here}/theirs`]);
  assert.equal(Deno.statSync(`${here}/mine`).uid, Deno.uid());
  assert.equal(Deno.statSync(`${here}/theirs`).uid, 1234);
  for (
    const [args, message] of [
      [["c:/nonesuch", here], /\/nonesuch: no such file/],
      [[`${here}/f`, "c:/nonesuch/"], /no such directory/],
      [[`${here}/f`, "c:/nonesuch/f"], /no such directory/],
      [[`${here}/d`, "c:/tmp/f"], /cannot copy a directory/],
      [["c:/f", "c:/g"], /one side is a container/],
      [[`${here}/f`, `${here}/g`], /one side is a container/],
      [["ghost:/f", here], /ghost/],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, ["cp", ...args]);
    assert.equal(code, 125, args.join(" "));
    assert.match(stderr, message);
  }
});

Deno.test("berth cp: the name of what is not copied does not reach the terminal as commands", async () => {
  await using daemon = await TestDaemon.start();
  const volume = `${daemon.dir}/v`;
  Deno.mkdirSync(volume);
  await run(daemon, "c", "-v", `${volume}:/mnt`);
  using _socket = Deno.listen({ transport: "unix", path: `${volume}/a\x1b[2J\nberth: all well` });
  const { code, stderr } = await cli(daemon, ["cp", "c:/mnt/.", `${daemon.dir}/copy`]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^berth: \S*a\\x1b\[2J\\x0aberth: all well is not copied: it is a socket$/m);
});

Deno.test("berth cp reads and writes tar archives", async () => {
  await using daemon = await TestDaemon.start();
  await run(daemon, "c");
  await sh(daemon, "c", "mkdir /tmp/d; echo one > /tmp/d/f; ln -s f /tmp/d/l");
  const { stdout } = await cliCommand(daemon, ["cp", "c:/tmp/d", "-"], { stdin: "null" }).output();
  const list = new Deno.Command("tar", { args: ["-t"], stdin: "piped", stdout: "piped" }).spawn();
  await ReadableStream.from([stdout]).pipeTo(list.stdin);
  const names = new TextDecoder().decode((await list.output()).stdout).trim().split("\n").sort();
  assert.deepEqual(names, ["d/", "d/f", "d/l"]);
  const copied = cliCommand(daemon, ["cp", "-", "c:/data"], { stdin: "piped" }).spawn();
  await ReadableStream.from([stdout]).pipeTo(copied.stdin);
  assert.equal((await copied.status).code, 0);
  assert.equal(await sh(daemon, "c", "cat /data/d/l"), "one\n");
  assert.match((await cli(daemon, ["cp", "-", "c:/data"], { stdin: "x" })).stderr, /cannot unpack/);
});

Deno.test("berth cp works on containers that do not run, through mounts of those that do", async () => {
  await using daemon = await TestDaemon.start();
  const volume = await Deno.makeTempDir({ dir: daemon.dir });
  Deno.writeTextFileSync(`${volume}/f`, "mounted");
  const file = `${daemon.dir}/file`;
  Deno.writeTextFileSync(file, "content");
  await run(daemon, "c", "-v", `${volume}:/mnt`);
  await ok(daemon, ["cp", "c:/mnt/f", `${file}.out`]);
  assert.equal(Deno.readTextFileSync(`${file}.out`), "mounted");
  await ok(daemon, ["cp", file, "c:/mnt/g"]);
  assert.equal(Deno.readTextFileSync(`${volume}/g`), "content");
  await ok(daemon, ["pause", "c"]);
  await ok(daemon, ["cp", "c:/mnt/g", `${file}.paused`]);
  await ok(daemon, ["resume", "c"]);
  await ok(daemon, ["kill", "c"]);
  await daemon.exitOf("c");
  await ok(daemon, ["cp", file, "c:/tmp/late"]);
  await ok(daemon, ["cp", "c:/tmp/late", `${file}.late`]);
  assert.equal(Deno.readTextFileSync(`${file}.late`), "content");
  const create = ["create", "--name", "new", "--overlay", ...rootfsArgs(daemon)];
  await ok(daemon, [...create, "--", "cat", "/tmp/early"]);
  await ok(daemon, ["cp", file, "new:/tmp/early"]);
  assert.equal(await ok(daemon, ["start", "-a", "new"]), "content");
});

Deno.test("berth cp follows a symlink in the place of a copy, as docker does", async () => {
  await using daemon = await TestDaemon.start();
  await run(daemon, "c");
  const here = `${daemon.dir}/here`;
  Deno.mkdirSync(`${here}/dir`, { recursive: true });
  Deno.writeTextFileSync(`${here}/new`, "new");
  Deno.writeTextFileSync(`${here}/real`, "old");
  Deno.symlinkSync("real", `${here}/link`);
  Deno.symlinkSync("link", `${here}/link-2`);
  Deno.symlinkSync("dir/later", `${here}/dangling`);
  Deno.symlinkSync("dir", `${here}/into`);
  Deno.symlinkSync("circle", `${here}/circle`);
  await sh(
    daemon,
    "c",
    "mkdir -p /tmp/d /tmp/e; echo old > /tmp/d/real; ln -s /tmp/d/real /tmp/e/link;" +
      "ln -s ../d/later /tmp/e/dangling; ln -s ../../tmp/d /tmp/e/into; echo new > /tmp/new",
  );
  for (const name of ["link", "dangling", "into"]) {
    await ok(daemon, ["cp", `${here}/new`, `c:/tmp/e/${name}`]);
  }
  assert.equal(
    await sh(daemon, "c", "cat /tmp/d/real /tmp/d/later /tmp/d/new; readlink /tmp/e/link"),
    "newnewnew/tmp/d/real\n",
  );
  for (const name of ["link-2", "dangling", "into"]) {
    await ok(daemon, ["cp", "c:/tmp/new", `${here}/${name}`]);
  }
  const read = (name: string) => Deno.readTextFileSync(`${here}/${name}`);
  assert.deepEqual(["real", "dir/later", "dir/new"].map(read), ["new\n", "new\n", "new\n"]);
  assert.equal(Deno.readLinkSync(`${here}/link-2`), "link");
  const { code, stderr } = await cli(daemon, ["cp", "c:/tmp/new", `${here}/circle`]);
  assert.deepEqual([code, stderr], [125, `berth: ${here}/circle: too many symlinks\n`]);
  // What a directory is copied to has to be none.
  const refused = await cli(daemon, ["cp", `${here}/dir`, "c:/tmp/e/link"]);
  assert.match(refused.stderr, /cannot copy a directory to \/tmp\/e\/link: it is a file/);
});

Deno.test("berth cp says that a renamed container has no files before its next start", async () => {
  await using daemon = await TestDaemon.start();
  await run(daemon, "c");
  await ok(daemon, ["stop", "-t", "0", "c"]);
  await ok(daemon, ["rename", "c", "d"]);
  const { code, stderr } = await cli(daemon, ["cp", "d:/etc", daemon.dir]);
  assert.deepEqual(
    [code, stderr],
    [125, "berth: d has no root filesystem before its next start: berth start d\n"],
  );
  await ok(daemon, ["start", "d"]);
  await ok(daemon, ["cp", "d:/etc", daemon.dir]);
});

Deno.test("berth cp names the path that was given when it cannot write there", async () => {
  await using daemon = await TestDaemon.start();
  const dir = `${daemon.dir}/tree`;
  Deno.mkdirSync(`${dir}/sub`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/sub/f`, "file");
  await run(daemon, "c", "--tmpfs", "/ro:ro", "-v", `${dir}:/kept:ro`);
  const file = `${dir}/sub/f`;
  const refused = "read-only file system";
  for (
    const [from, to, message] of [
      [file, "c:/ro/new", `cannot write c:/ro/new: ${refused}`],
      [file, "c:/ro", `cannot write c:/ro/f: ${refused}`],
      [dir, "c:/ro", `cannot write c:/ro/tree: ${refused}`],
      [`${dir}/.`, "c:/ro", `cannot write c:/ro/sub: ${refused}`],
      [`${dir}/.`, "c:/kept", `cannot write c:/kept/sub/f: ${refused}`],
      [file, "c:/proc/new", "cannot write c:/proc/new: no such file or directory"],
      ["c:/etc/hosts", "/proc/new", "cannot write /proc/new: no such file or directory"],
      [
        `${dir}/${"n".repeat(300)}`,
        "c:/tmp",
        `cannot read ${dir}/${"n".repeat(300)}: file name too long`,
      ],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, ["cp", from, to]);
    assert.deepEqual([code, stderr], [125, `berth: ${message}\n`], `${from} ${to}`);
  }
});

Deno.test("berth cp never replaces a mount point", async () => {
  await using daemon = await TestDaemon.start();
  const conf = `${daemon.dir}/conf`;
  const file = `${daemon.dir}/file`;
  const dir = `${daemon.dir}/tree`;
  Deno.writeTextFileSync(conf, "mounted");
  Deno.writeTextFileSync(file, "copied");
  Deno.mkdirSync(`${dir}/tmp`, { recursive: true });
  Deno.symlinkSync("elsewhere", `${dir}/tmp/conf`);
  await run(daemon, "c", "-v", `${conf}:/conf`, "-v", `${conf}:/tmp/conf:ro`);
  for (
    const [from, to, named] of [
      [file, "c:/conf", "conf"],
      [file, "c:/tmp/conf", "conf"],
      [file, "c:/etc/hosts", "hosts"],
      [`${dir}/.`, "c:/", "tmp/conf"],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, ["cp", from, to]);
    assert.equal(code, 125, to);
    assert.match(stderr, new RegExp(`cannot copy ${named}: in its place is a mount point`));
  }
  assert.equal(await sh(daemon, "c", "cat /conf /tmp/conf"), "mountedmounted");
  assert.equal(
    await sh(daemon, "c", "grep -c ' /etc/hosts \\| /conf \\| /tmp/conf ' /proc/self/mountinfo"),
    "3\n",
  );
  // Without its processes a container has no mounts: its next start covers what was copied.
  await ok(daemon, ["kill", "c"]);
  await daemon.exitOf("c");
  await ok(daemon, ["cp", file, "c:/conf"]);
  await ok(daemon, ["start", "c"]);
  assert.equal(await sh(daemon, "c", "cat /conf"), "mounted");
  assert.equal(Deno.readTextFileSync(conf), "mounted");
});

Deno.test("berth cp: a symlink in a container never leads cp out of it", async () => {
  await using daemon = await TestDaemon.start();
  await run(daemon, "c");
  const secret = `${daemon.dir}/secret`;
  Deno.mkdirSync(secret);
  Deno.writeTextFileSync(`${secret}/key`, "secret");
  const file = `${daemon.dir}/file`;
  Deno.writeTextFileSync(file, "content");
  const up = `${"../".repeat(20)}${secret.slice(1)}`;
  await sh(
    daemon,
    "c",
    `ln -s ${secret} /tmp/abs; ln -s ${up} /tmp/up; ln -s ${secret}/key /tmp/key`,
  );
  for (const path of ["/tmp/abs/key", "/tmp/up/key", `/${up}/key`]) {
    const { code, stderr } = await cli(daemon, ["cp", `c:${path}`, `${file}.out`]);
    assert.equal(code, 125, path);
    assert.match(stderr, /no such file/);
  }
  assert.equal((await cli(daemon, ["cp", "-L", "c:/tmp/key", `${file}.out`])).code, 125);
  for (const path of ["/tmp/abs/f", "/tmp/up/f"]) {
    assert.equal((await cli(daemon, ["cp", file, `c:${path}`])).code, 125, path);
  }
  // The link itself is what is copied, not what it leads to.
  await ok(daemon, ["cp", "c:/tmp/key", `${file}.link`]);
  assert.equal(Deno.readLinkSync(`${file}.link`), `${secret}/key`);
  assert.deepEqual([...Deno.readDirSync(secret)].map(({ name }) => name), ["key"]);
});

testNeeding(
  ["python3"],
  "berth cp: a container that swaps directories for symlinks gets and gives nothing of the host",
  async () => {
    await using daemon = await TestDaemon.start();
    const secret = `${daemon.dir}/secret`;
    Deno.mkdirSync(secret);
    Deno.writeTextFileSync(`${secret}/key`, "private data");
    const volume = await Deno.makeTempDir({ dir: daemon.dir });
    Deno.mkdirSync(`${volume}/d`);
    Deno.writeTextFileSync(`${volume}/d/key`, "public");
    await run(daemon, "c", "-v", `${volume}:/mnt`);
    await using _swapper = await Swapper.start(`${volume}/d`, secret);
    const file = `${daemon.dir}/file`;
    Deno.writeTextFileSync(file, "content");
    for (let round = 0; round < 10; round++) {
      const { stdout } = await cli(daemon, ["cp", "c:/mnt", "-"]);
      assert.ok(!stdout.includes("private data"), "the content of a host's file is in the archive");
      await cli(daemon, ["cp", "c:/mnt/d/key", `${file}.${round}`]);
      await cli(daemon, ["cp", file, `c:/mnt/d/f${round}`]);
    }
    for (let round = 0; round < 10; round++) {
      try {
        assert.equal(Deno.readTextFileSync(`${file}.${round}`), "public");
      } catch (error) {
        // It was a symlink into nothing at that moment.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    assert.deepEqual([...Deno.readDirSync(secret)].map(({ name }) => name), ["key"]);
  },
);
