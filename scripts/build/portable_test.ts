// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../../tests/harness/command.ts";
import { StandIn } from "../../tests/harness/stand_in.ts";
import { SmallDisk } from "../../tests/harness/small_disk.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { within } from "../../tests/harness/poll.ts";
import { pathWithout } from "../../tests/harness/run.ts";
import { writePortable } from "./portable.ts";

/** Stands in for Deno: tells what it was started with, and its own pid. */
const FAKE_DENO = `#!/bin/sh
echo "pid=$$ name=$BERTH_ARGV0 file=$BERTH_FILE self=$0 quiet=$DENO_NO_UPDATE_CHECK umask=$(umask)"
for last; do :; done
echo "last=$last count=$#"
exit 7
`;

/** Stand-in of the size of a real one, to fill a disk with: it does not compress. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(data.subarray(at, at + 65_536));
  return data;
}

interface Fixture {
  readonly dir: string;
  readonly file: string;
  readonly cache: string;
}

async function withPortable(
  test: (fixture: Fixture) => Promise<void>,
  deno: string | Uint8Array<ArrayBuffer> = FAKE_DENO,
): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.mkdir(`${dir}/bundle`);
  await Deno.writeTextFile(`${dir}/bundle/main.js`, "// main\n");
  await Deno.writeTextFile(`${dir}/bundle/chunk-A.js`, "// chunk\n");
  if (typeof deno === "string") await Deno.writeTextFile(`${dir}/deno`, deno);
  else await Deno.writeFile(`${dir}/deno`, deno);
  const file = `${dir}/berth`;
  await writePortable({ deno: `${dir}/deno`, bundleDir: `${dir}/bundle`, out: file });
  await test({ dir, file, cache: `${dir}/cache/berth` });
}

async function start(file: string, cache: string, ...args: string[]) {
  const child = new Deno.Command(file, {
    args,
    env: { BERTH_CACHE: cache },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    pid: child.pid,
    code: output.code,
    stdout: text(output.stdout),
    stderr: text(output.stderr),
  };
}

Deno.test("writePortable: a portable file unpacks once, then becomes what it carries, with name and arguments", async () => {
  await withPortable(async ({ dir, file, cache }) => {
    await Deno.symlink(file, `${dir}/berthd`);
    const first = await start(`${dir}/berthd`, cache, "a b", "--state=/x y");
    assert.equal(first.stderr, "");
    assert.equal(first.code, 7, "the exit status is the carried program's");
    assert.ok(first.stdout.includes(`pid=${first.pid} `), "by exec: no process in between");
    assert.ok(first.stdout.includes(`name=${dir}/berthd file=${dir}/berthd `));
    assert.match(first.stdout, /last=--state=\/x y /);
    assert.match(first.stdout, / quiet=1 /);
    const umask = Deno.umask().toString(8).padStart(4, "0");
    assert.ok(first.stdout.includes(` umask=${umask}\n`), "as before it was unpacked");

    const [entry] = [...Deno.readDirSync(cache)];
    assert.ok(entry !== undefined);
    const unpacked = `${cache}/${entry.name}`;
    assert.deepEqual(
      [...Deno.readDirSync(unpacked)].map(({ name }) => name).sort(),
      ["chunk-A.js", "deno", "main.js"],
    );
    for (const path of [cache, unpacked]) {
      assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o700, path);
    }
    const before = Deno.statSync(`${unpacked}/deno`).ino;
    assert.equal((await start(file, cache)).code, 7);
    assert.equal(Deno.statSync(`${unpacked}/deno`).ino, before, "not unpacked again");
  });
});

Deno.test("writePortable: what the user has exported comes through, whatever its name", async () => {
  await withPortable(async ({ file, cache }) => {
    const header = new TextDecoder().decode(Deno.readFileSync(file).subarray(0, 16_384));
    const script = header.slice(0, header.indexOf('main.js" "$@"'));
    const assigned = [...script.matchAll(/\b([a-z]\w*)=|\bfor (\w+)/g)].flatMap(([, a, b]) =>
      a ?? b ?? []
    );
    const names = [...new Set([...assigned, "word", "name", "uid", "mode"])]
      .filter((name) => !name.startsWith("berth_"));
    const env = Object.fromEntries(names.map((name) => [name, "the user's"]));
    // The first unpacks, which sets more.
    for (const _ of [1, 2]) {
      const { stdout } = await new Deno.Command(file, {
        args: ["ps", "word"],
        env: { ...env, BERTH_CACHE: cache },
      }).output();
      const seen = new TextDecoder().decode(stdout).split("\n");
      assert.deepEqual(names.filter((name) => !seen.includes(`${name}=the user's`)), []);
    }
  }, "#!/bin/sh\nenv\n");
});

Deno.test("writePortable: called as a shim, a portable file answers a delete that has nothing to do", async () => {
  await withPortable(async ({ dir, file, cache }) => {
    const shim = `${dir}/containerd-shim-berth-v2`;
    await Deno.symlink(file, shim);
    const bundle = `${dir}/a bundle`, socket = `${dir}/a socket`;
    await Deno.mkdir(bundle);
    const ended = await new Deno.Command("sh", { args: ["-c", "echo $$"] }).output();
    const dead = new TextDecoder().decode(ended.stdout).trim();
    const record = (text: string) => Deno.writeTextFile(`${bundle}/berth-delete-answer`, text);
    const answered = async (...args: string[]) => {
      const { code, stdout, stderr } = await start(shim, cache, ...args);
      assert.equal(stderr, "");
      if (code === 0) return stdout;
      assert.equal(code, 7);
      return "by berth";
    };
    const args = ["-namespace", "n", "-id", "$(touch /x)`*", "-bundle", bundle, "delete"];
    assert.equal(await answered(...args), "by berth");
    await record(`${dead} \\010\\000\\101\\012 ${socket}\n`);
    assert.equal(await answered(...args), "\b\0A\n");
    assert.equal(await answered("-id=c", `--bundle=${bundle}`, "-debug", "delete"), "\b\0A\n");
    for (const other of [["-id", "delete", "start"], ["-bundle", bundle, "delete", "-v"]]) {
      assert.equal(await answered(...other), "by berth");
    }
    // By another name there is no such action.
    assert.equal((await start(file, cache, ...args)).code, 7);
    // Its shim lives, or was killed and has left its socket.
    await Deno.writeTextFile(socket, "");
    assert.equal(await answered(...args), "by berth");
    await record(`${Deno.pid} \\010 ${socket}\n`);
    assert.equal(await answered(...args), "\b");
    const damaged = [
      "",
      "1",
      `1 ${socket} \\010\n`,
      "1 %s%n /x\n",
      "1 $(id) /x\n",
      "-1 \\010 /x\n",
    ];
    for (const text of [...damaged, "1 \\010 /x", "x \\010 /x\n"]) {
      await record(text);
      assert.equal(await answered(...args), "by berth", text);
    }
  });
});

Deno.test("writePortable: starts at the same moment all work and leave one unpacked copy", async () => {
  await withPortable(async ({ file, cache }) => {
    const all = await Promise.all(Array.from({ length: 6 }, () => start(file, cache)));
    assert.deepEqual(all.map(({ code, stderr }) => `${code}${stderr}`), Array(6).fill("7"));
    assert.equal([...Deno.readDirSync(cache)].length, 1);
    const [entry] = [...Deno.readDirSync(cache)];
    assert.equal([...Deno.readDirSync(`${cache}/${entry?.name}`)].length, 3);
  });
});

Deno.test("writePortable: starts at the same moment all work with a damaged copy, too", async () => {
  await withPortable(async ({ file, cache }) => {
    await start(file, cache);
    const [entry] = [...Deno.readDirSync(cache)];
    await Deno.remove(`${cache}/${entry?.name}/deno`);
    const all = await Promise.all(Array.from({ length: 6 }, () => start(file, cache)));
    assert.deepEqual(all.map(({ code, stderr }) => `${code}${stderr}`), Array(6).fill("7"));
    assert.equal([...Deno.readDirSync(cache)].length, 1);
    assert.equal([...Deno.readDirSync(`${cache}/${entry?.name}`)].length, 3);
  });
});

Deno.test("writePortable: a cache that was removed, or damaged by hand, is made anew", async () => {
  await withPortable(async ({ file, cache }) => {
    await start(file, cache);
    const [entry] = [...Deno.readDirSync(cache)];
    await Deno.truncate(`${cache}/${entry?.name}/deno`, 0);
    assert.equal((await start(file, cache)).code, 7);
    await Deno.remove(cache, { recursive: true });
    assert.equal((await start(file, cache)).code, 7);
    assert.equal([...Deno.readDirSync(cache)].length, 1);
  });
});

Deno.test("writePortable: any file that is missing or cut off is noticed at the next start, and all are whole again", async () => {
  await withPortable(async ({ file, cache }) => {
    await start(file, cache);
    const [entry] = [...Deno.readDirSync(cache)];
    const dir = `${cache}/${entry?.name}`;
    const sizes = () =>
      [...Deno.readDirSync(dir)].map(({ name }) =>
        `${name} ${Deno.statSync(`${dir}/${name}`).size}`
      )
        .sort();
    const before = sizes();
    for (const name of ["deno", "main.js", "chunk-A.js"]) {
      for (
        const damage of [
          () => Deno.remove(`${dir}/${name}`),
          () => Deno.truncate(`${dir}/${name}`, 3),
        ]
      ) {
        await damage();
        const { code, stderr } = await start(file, cache);
        assert.equal(`${code}${stderr}`, "7", name);
        assert.deepEqual(sizes(), before);
      }
    }
  });
});

Deno.test("writePortable: a damaged file is refused", async () => {
  await withPortable(async ({ file, cache }) => {
    const bytes = await Deno.readFile(file);
    await Deno.writeFile(file, bytes.subarray(0, bytes.length - 3));
    const { code, stderr } = await start(file, cache);
    assert.equal(code, 125);
    assert.match(stderr, /^berth: .* is damaged; copy it again\n$/);
    assert.deepEqual([...Deno.readDirSync(cache)], []);
  });
});

Deno.test("writePortable: a cache that others can write, or that is another user's, is refused", async () => {
  await withPortable(async ({ file, cache }) => {
    await Deno.mkdir(cache, { recursive: true });
    await Deno.chmod(cache, 0o770);
    assert.match((await start(file, cache)).stderr, /can be written by other users/);
    await Deno.chmod(cache, 0o700);
    await Deno.chown(cache, 65534, 65534);
    const { code, stderr } = await start(file, cache);
    assert.equal(code, 125);
    assert.match(stderr, /belongs to another user/);
  });
});

Deno.test("writePortable: a cache below what another user can change is refused, by any path to it", async () => {
  await withPortable(async ({ dir, file }) => {
    const shared = `${dir}/shared`;
    await Deno.mkdir(`${shared}/berth`, { recursive: true });
    assert.equal((await start(file, `${shared}/berth`)).code, 7);
    const refused = async (cache: string, problem: RegExp) => {
      const { code, stdout, stderr } = await start(file, cache);
      assert.equal(`${code}${stdout}`, "125", cache);
      assert.match(stderr, problem);
    };
    const link = `${dir}/link`;
    await Deno.symlink(shared, link);
    const paths = [`${shared}/berth`, `${shared}/../shared/berth/`, `${link}/berth`];
    for (const path of paths) assert.equal((await start(file, path)).code, 7, path);
    // What is unpacked already must not be run from there, nor anything be made there.
    const places = [...paths, `${shared}/new/cache`, `${link}/new/cache`];
    await Deno.chmod(shared, 0o777);
    for (const path of places) {
      await refused(path, /shared can be written by other users: not using/);
    }
    await Deno.chmod(shared, 0o1777);
    for (const path of paths) assert.equal((await start(file, path)).code, 7, "sticky, as /tmp is");
    await Deno.chmod(shared, 0o755);
    await Deno.chown(shared, 65534, 65534);
    for (const path of places) await refused(path, /shared belongs to another user: not using/);
    await Deno.chown(shared, 0, 0);
    // A link of theirs, to a place that is not.
    await new Deno.Command("chown", { args: ["-h", "65534", link] }).output();
    await refused(`${link}/berth`, /link belongs to another user: not using/);
    await refused(`${link}/new/cache`, /link belongs to another user: not using/);
    assert.deepEqual([...Deno.readDirSync(shared)].map(({ name }) => name), ["berth"]);
  });
});

Deno.test("writePortable: what is executed must be of the user that starts it", async () => {
  await withPortable(async ({ file, cache }) => {
    await start(file, cache);
    const [entry] = [...Deno.readDirSync(cache)];
    for (const name of ["deno", "main.js"]) {
      const path = `${cache}/${entry?.name}/${name}`;
      await Deno.chown(path, 65534, 65534);
      const { code, stderr } = await start(file, cache);
      assert.equal(code, 125);
      assert.match(stderr, new RegExp(`/${name} belongs to another user`));
      await Deno.chown(path, 0, 0);
    }
    assert.equal((await start(file, cache)).code, 7);
  });
});

Deno.test("writePortable: a full disk is a clear error that leaves nothing", async () => {
  await withPortable(async ({ dir, file }) => {
    using disk = new SmallDisk(`${dir}/disk`, "size=1m");
    const { code, stderr } = await start(file, `${disk.dir}/berth`);
    assert.equal(code, 125);
    assert.match(stderr, /cannot unpack 4 MB into .*: .*No space left on device/s);
    assert.deepEqual([...Deno.readDirSync(`${disk.dir}/berth`)], []);
  }, noise(3_000_000));
});

Deno.test("writePortable: a portable file starts on a host without busybox", async () => {
  await withPortable(async ({ dir, file, cache }) => {
    const env = { BERTH_CACHE: cache, PATH: pathWithout(dir, "busybox") };
    const { code, stderr } = await output([file], { env });
    assert.equal(stderr, "");
    assert.equal(code, 7);
  });
});

Deno.test("writePortable: a signal while it unpacks is told, ends it, and leaves nothing", async () => {
  await withPortable(async ({ dir, file, cache }) => {
    // Stands still in the middle, until it has been sent the signal.
    await new Deno.Command("mkfifo", { args: [`${dir}/here`, `${dir}/go`] }).output();
    using gzip = new StandIn("gzip", `echo here >${dir}/here\ncat ${dir}/go\nexit 1`);
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
      const child = new Deno.Command(file, {
        env: { BERTH_CACHE: cache, ...gzip.env },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      await within("the unpacking", Deno.readTextFile(`${dir}/here`));
      child.kill(signal);
      await Deno.writeTextFile(`${dir}/go`, "");
      const { signal: endedBy, stderr } = await child.output();
      assert.equal(
        new TextDecoder().decode(stderr),
        `berth: stopped by ${signal} while it unpacked itself into ${cache}\n`,
      );
      assert.equal(endedBy, signal);
      assert.deepEqual([...Deno.readDirSync(cache)], []);
    }
  });
});

Deno.test("writePortable: the same input gives the same file, byte for byte", async () => {
  await withPortable(async ({ dir, file }) => {
    await writePortable({ deno: `${dir}/deno`, bundleDir: `${dir}/bundle`, out: `${dir}/again` });
    assert.deepEqual(await Deno.readFile(`${dir}/again`), await Deno.readFile(file));
  });
});

Deno.test("writePortable: without main.js there is nothing to pack", async () => {
  await withPortable(async ({ dir }) => {
    await Deno.remove(`${dir}/bundle/main.js`);
    const options = { deno: `${dir}/deno`, bundleDir: `${dir}/bundle`, out: `${dir}/again` };
    await assert.rejects(writePortable(options), /no main\.js in/);
  });
});

Deno.test("writePortable: a busybox shell alone, in an empty root, can start a portable file", async () => {
  await withPortable(async ({ dir, file }) => {
    const root = `${dir}/root`;
    for (const name of ["bin", "proc", "tmp"]) {
      await Deno.mkdir(`${root}/${name}`, { recursive: true });
    }
    await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
    await Deno.symlink("busybox", `${root}/bin/sh`);
    await Deno.copyFile(file, `${root}/berth`);
    const inRoot = (script: string) =>
      new Deno.Command("unshare", {
        args: [
          "--mount",
          "sh",
          "-c",
          `${script} && exec env -i "$(command -v chroot)" "$0" /berth x`,
          root,
        ],
        stdin: "null",
      }).output();
    const without = await inRoot("true");
    assert.equal(new TextDecoder().decode(without.stderr), "berth: /proc is not mounted\n");
    const { stdout, stderr, code } = await inRoot('mount -t proc proc "$0/proc"');
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.equal(code, 7);
    assert.match(new TextDecoder().decode(stdout), /self=\/var\/cache\/berth\/[0-9a-f]{64}\/deno/);
  });
});
