// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "../fd/fd_testing.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { LinuxError } from "../libc/errno.ts";
import { fdPath, O_DIRECTORY, O_PATH, OwnedFd } from "../fd/fd.ts";
import { Swapper } from "./swapper_testing.ts";
import { openInRoot, type OpenInRootOptions } from "./open_in_root.ts";

/** Where it is opened, making what is missing. */
function openedAt(root: string, path: string, create: OpenInRootOptions["create"] = "directory") {
  using found = openInRoot(root, path, { create });
  return Deno.readLinkSync(fdPath(found.fd));
}

/** A directory with a rootfs in it and something outside, gone after the test. */
class Tree implements Disposable {
  readonly dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "berth-path-" }));
  readonly rootfs = `${this.dir}/rootfs`;

  constructor() {
    Deno.mkdirSync(`${this.rootfs}/etc`, { recursive: true });
    Deno.mkdirSync(`${this.dir}/outside`);
  }

  link(to: string, path: string): void {
    Deno.symlinkSync(to, `${this.rootfs}/${path}`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("openInRoot: an error names no path of this process's own", () => {
  using tree = new Tree();
  assert.throws(() => openInRoot(tree.rootfs, "none"), { message: new RegExp(tree.rootfs) });
  using held = OwnedFd.open(tree.rootfs, O_PATH | O_DIRECTORY);
  assert.throws(
    () => openInRoot(fdPath(held.fd), "none"),
    /open none in the root filesystem: ENOENT/,
  );
});

Deno.test("openInRoot: a path that is there stays as it is", () => {
  using tree = new Tree();
  assert.equal(openedAt(tree.rootfs, "/etc"), `${tree.rootfs}/etc`);
  assert.equal(openedAt(tree.rootfs, "./etc//"), `${tree.rootfs}/etc`);
  assert.equal(openedAt(tree.rootfs, ""), tree.rootfs);
  assert.equal(openedAt(tree.rootfs, "/"), tree.rootfs);
});

Deno.test("openInRoot: missing directories are made, readable for all whatever the umask", () => {
  using tree = new Tree();
  const umask = Deno.umask(0o077);
  try {
    const path = openedAt(tree.rootfs, "/a/b/c");
    assert.equal(path, `${tree.rootfs}/a/b/c`);
    assert.equal(Deno.statSync(path).mode! & 0o7777, 0o755);
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("openInRoot: with file the last name is made as an empty file", () => {
  using tree = new Tree();
  const path = openedAt(tree.rootfs, "/etc/deep/resolv.conf", "file");
  const info = Deno.statSync(path);
  assert.ok(info.isFile);
  assert.equal(info.size, 0);
});

Deno.test("openInRoot: a file that is there is left alone", () => {
  using tree = new Tree();
  Deno.writeTextFileSync(`${tree.rootfs}/etc/hosts`, "kept");
  const path = openedAt(tree.rootfs, "/etc/hosts", "file");
  assert.equal(Deno.readTextFileSync(path), "kept");
});

Deno.test("openInRoot: `..` cannot leave the rootfs", () => {
  using tree = new Tree();
  assert.equal(openedAt(tree.rootfs, "../../outside"), `${tree.rootfs}/outside`);
  assert.equal(openedAt(tree.rootfs, "/etc/../.."), tree.rootfs);
});

Deno.test("openInRoot: symlinks are followed inside the rootfs, absolute ones from its root", () => {
  using tree = new Tree();
  Deno.mkdirSync(`${tree.rootfs}/run`);
  tree.link("/run", "abs");
  tree.link("../../run", "etc/relative");
  assert.equal(openedAt(tree.rootfs, "/abs/lock"), `${tree.rootfs}/run/lock`);
  assert.equal(openedAt(tree.rootfs, "/etc/relative"), `${tree.rootfs}/run`);
});

Deno.test("openInRoot: a symlink that points outside ends inside, nothing is made outside", () => {
  using tree = new Tree();
  tree.link(`${tree.dir}/outside`, "escape");
  const path = openedAt(tree.rootfs, "/escape/new");
  assert.equal(path, `${tree.rootfs}${tree.dir}/outside/new`);
  assert.deepEqual([...Deno.readDirSync(`${tree.dir}/outside`)], []);
});

Deno.test("openInRoot: a dangling symlink gets its target made", () => {
  using tree = new Tree();
  tree.link("/data/real", "dangling");
  assert.equal(openedAt(tree.rootfs, "/dangling"), `${tree.rootfs}/data/real`);
  assert.ok(Deno.statSync(`${tree.rootfs}/data/real`).isDirectory);
});

Deno.test("openInRoot: a symlink loop is ELOOP", () => {
  using tree = new Tree();
  tree.link("two", "one");
  tree.link("one", "two");
  assert.throws(() => openedAt(tree.rootfs, "/one"), { code: "ELOOP", message: /\/one in / });
});

Deno.test("openInRoot: a file in the middle of the path is ENOTDIR", () => {
  using tree = new Tree();
  Deno.writeTextFileSync(`${tree.rootfs}/etc/hosts`, "");
  assert.throws(() => openedAt(tree.rootfs, "/etc/hosts/x"), { code: "ENOTDIR" });
});

Deno.test("openInRoot: without create what is missing is ENOENT, and nothing is made", () => {
  using tree = new Tree();
  assert.throws(() => openInRoot(tree.rootfs, "/etc/a/b"), { code: "ENOENT" });
  assert.deepEqual([...Deno.readDirSync(`${tree.rootfs}/etc`)], []);
});

Deno.test("openInRoot: a magic link of /proc is a link like any other", () => {
  using tree = new Tree();
  tree.link("/proc/self/root", "host");
  assert.equal(openedAt(tree.rootfs, "/host/x"), `${tree.rootfs}/proc/self/root/x`);
});

Deno.test("openInRoot: no descriptor is left open, whether it works or not", () => {
  using tree = new Tree();
  tree.link("loop", "loop");
  tree.link("../../etc", "up");
  const before = countOpenFds();
  for (let i = 0; i < 10; i++) {
    openedAt(tree.rootfs, "/up/../a/b/../c");
    openedAt(tree.rootfs, `/f${i}`, "file");
    assert.throws(() => openedAt(tree.rootfs, "/loop/../x"));
    assert.throws(() => openedAt(tree.rootfs, "/f0/x"));
  }
  assert.equal(countOpenFds(), before);
});

testNeeding(
  ["python3"],
  "openInRoot: whoever swaps directories for symlinks gets nothing made or opened outside",
  async () => {
    using tree = new Tree();
    Deno.mkdirSync(`${tree.rootfs}/a`);
    const outside = `${tree.dir}/outside`;
    {
      await using _swapper = await Swapper.start(`${tree.rootfs}/a`, outside);
      for (let i = 0; i < 5_000; i++) {
        try {
          const path = openedAt(tree.rootfs, `a/b${i % 7}`);
          assert.ok(path.startsWith(`${tree.rootfs}/`), path);
        } catch (error) {
          // Just now there was nothing of that name.
          if (!(error instanceof LinuxError)) throw error;
        }
      }
    }
    assert.deepEqual([...Deno.readDirSync(outside)], []);
  },
);
