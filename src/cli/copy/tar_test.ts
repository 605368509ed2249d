// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { O_DIRECTORY, O_RDONLY, open, OwnedFd } from "../../linux/fd/fd.ts";
import { pack } from "./pack.ts";
import { readTar } from "./tar_reader.ts";
import { openBelow, unpack, type UnpackOptions } from "./unpack.ts";
import { encodeHeader } from "./tar_header.ts";

const LONG = "long".repeat(40);
const skipped = (path: string, reason: string) => assert.fail(`${path}: ${reason}`);

async function withDirs(use: (from: string, to: string) => Promise<void>): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  for (const name of ["from", "to"]) Deno.mkdirSync(`${dir}/${name}`);
  await use(`${dir}/from`, `${dir}/to`);
}

function makeTree(dir: string): void {
  Deno.mkdirSync(`${dir}/tree/${LONG}`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/tree/${LONG}/${LONG}`, "deep");
  Deno.writeFileSync(`${dir}/tree/big`, new Uint8Array(700_001).fill(7));
  Deno.writeTextFileSync(`${dir}/tree/empty`, "");
  Deno.writeTextFileSync(`${dir}/tree/run`, "#!/bin/sh\n");
  Deno.chmodSync(`${dir}/tree/run`, 0o4755);
  Deno.symlinkSync(`../${LONG}`, `${dir}/tree/link`);
  Deno.symlinkSync("/etc/passwd", `${dir}/tree/absolute`);
  Deno.utimeSync(`${dir}/tree/empty`, 1_000_000, 1_000_000);
}

/** What is below a directory: paths, types, modes, times and contents. */
function picture(dir: string): string[] {
  const walk = (path: string): string[] =>
    [...Deno.readDirSync(`${dir}/${path}`)].flatMap(({ name, isDirectory, isSymlink }) => {
      const here = `${path}/${name}`;
      if (isSymlink) return [`${here} -> ${Deno.readLinkSync(`${dir}/${here}`)}`];
      const { mode, size, mtime } = Deno.lstatSync(`${dir}/${here}`);
      const seconds = Math.floor((mtime?.getTime() ?? 0) / 1000);
      const line = `${here} ${mode?.toString(8)} ${isDirectory ? "" : size} ${seconds}`;
      return isDirectory ? [line, ...walk(here)] : [line];
    });
  return walk("").sort();
}

function unpackInto(
  to: string,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  owner: UnpackOptions["owner"] = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 },
): Promise<void> {
  const openDirectory = (path: string) => {
    using base = new OwnedFd(open(to, O_RDONLY | O_DIRECTORY));
    return openBelow(base.fd, path);
  };
  return unpack(readTar(chunks), {
    owner,
    onSkipped: skipped,
    openDirectory,
    shown: (path) => path,
  });
}

async function* chunksOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  yield* stream;
}

Deno.test("tar: a tree that is packed and unpacked is the same, and tar(1) reads it", async () => {
  await withDirs(async (from, to) => {
    makeTree(from);
    using dir = new OwnedFd(open(from, O_RDONLY | O_DIRECTORY));
    await unpackInto(to, pack(dir.fd, "tree", "tree", { shown: "tree", onSkipped: skipped }));
    assert.deepEqual(picture(to), picture(from));

    await Deno.remove(`${to}/tree`, { recursive: true });
    const tar = new Deno.Command("tar", { args: ["-xp", "-C", to], stdin: "piped" }).spawn();
    await ReadableStream.from(pack(dir.fd, "tree", "tree", { shown: "tree", onSkipped: skipped }))
      .pipeTo(tar.stdin);
    assert.equal((await tar.status).code, 0);
    assert.deepEqual(picture(to), picture(from));
  });
});

for (const format of ["gnu", "posix", "ustar"]) {
  Deno.test(`tar: what tar(1) writes in the format ${format} is read`, async () => {
    await withDirs(async (from, to) => {
      makeTree(from);
      Deno.linkSync(`${from}/tree/run`, `${from}/tree/same`);
      const args = ["-c", `--format=${format}`, "-C", from, "tree"];
      if (format === "ustar") args.splice(1, 0, `--exclude=${LONG}`, "--exclude=link");
      const tar = new Deno.Command("tar", { args, stdout: "piped" }).spawn();
      await unpackInto(to, chunksOf(tar.stdout));
      assert.equal((await tar.status).code, 0);
      if (format !== "ustar") assert.deepEqual(picture(to), picture(from));
      assert.equal(Deno.statSync(`${to}/tree/same`).ino, Deno.statSync(`${to}/tree/run`).ino);
    });
  });
}

Deno.test("tar: an archive writes nothing outside, and through no symlink of its own", async () => {
  await withDirs(async (from, to) => {
    const outside = `${from}/outside`;
    Deno.mkdirSync(outside);
    const base = { mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 0, target: "" };
    const archive = (...entries: Parameters<typeof encodeHeader>[0][]) =>
      ReadableStream.from(entries.map(encodeHeader));
    const link = { ...base, path: "link", type: "symlink", target: outside } as const;
    const through = { ...base, path: "link/file", type: "file" } as const;
    await assert.rejects(unpackInto(to, chunksOf(archive(link, through))));
    for (const path of ["../file", "a/../../file"]) {
      const entry = { ...base, path, type: "file" } as const;
      await assert.rejects(unpackInto(to, chunksOf(archive(entry))), /leads out/, path);
    }
    assert.deepEqual([...Deno.readDirSync(outside)], []);
    // A directory takes the place of the link.
    await unpackInto(
      to,
      chunksOf(archive(link, { ...base, path: "link", type: "directory", mode: 0o755 }, through)),
    );
    assert.deepEqual([...Deno.readDirSync(outside)], []);
    assert.ok(Deno.lstatSync(`${to}/link/file`).isFile);
  });
});

Deno.test("tar: a symlink gets the owner and the time that are asked for, its target neither", async () => {
  await withDirs(async (_from, to) => {
    const rest = { mode: 0o777, uid: 12, gid: 13, mtime: 1_000_000, size: 0 };
    const link = { ...rest, path: "link", type: "symlink", target: "file" } as const;
    const dangling = { ...link, path: "dangling", target: "nowhere" };
    Deno.writeTextFileSync(`${to}/file`, "");
    const before = Deno.statSync(`${to}/file`);
    await unpackInto(
      to,
      chunksOf(ReadableStream.from([link, dangling].map(encodeHeader))),
      "archive",
    );
    for (const name of ["link", "dangling"]) {
      const { uid, gid, mtime } = Deno.lstatSync(`${to}/${name}`);
      assert.deepEqual([uid, gid, mtime?.getTime()], [12, 13, 1_000_000_000], name);
    }
    const { uid, mtime } = Deno.statSync(`${to}/file`);
    assert.deepEqual([uid, mtime], [before.uid, before.mtime]);
  });
});

Deno.test("tar: what is no archive, or only half of one, is an error", async () => {
  await withDirs(async (from, to) => {
    const noise = new Uint8Array(1024).fill(1);
    await assert.rejects(unpackInto(to, chunksOf(ReadableStream.from([noise]))), SyntaxError);
    makeTree(from);
    using dir = new OwnedFd(open(from, O_RDONLY | O_DIRECTORY));
    const half = async function* () {
      let left = 4000;
      for await (
        const chunk of pack(dir.fd, "tree/big", "big", { shown: "big", onSkipped: skipped })
      ) {
        yield chunk.slice(0, left);
        left -= chunk.length;
        if (left <= 0) return;
      }
    };
    await assert.rejects(unpackInto(to, half()), /ends too early/);
  });
});
