// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { secureJoin } from "./secure_join.ts";

/** A directory with a rootfs in it and something outside, gone after the test. */
class Tree implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-path-" });
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

Deno.test("a path that is there stays as it is", () => {
  using tree = new Tree();
  assert.equal(secureJoin(tree.rootfs, "/etc"), `${tree.rootfs}/etc`);
  assert.equal(secureJoin(tree.rootfs, "./etc//"), `${tree.rootfs}/etc`);
  assert.equal(secureJoin(tree.rootfs, ""), tree.rootfs);
  assert.equal(secureJoin(tree.rootfs, "/"), tree.rootfs);
});

Deno.test("missing directories are made, readable for all whatever the umask", () => {
  using tree = new Tree();
  const umask = Deno.umask(0o077);
  try {
    const path = secureJoin(tree.rootfs, "/a/b/c");
    assert.equal(path, `${tree.rootfs}/a/b/c`);
    assert.equal(Deno.statSync(path).mode! & 0o7777, 0o755);
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("with file the last name is made as an empty file", () => {
  using tree = new Tree();
  const path = secureJoin(tree.rootfs, "/etc/deep/resolv.conf", { file: true });
  const info = Deno.statSync(path);
  assert.ok(info.isFile);
  assert.equal(info.size, 0);
});

Deno.test("a file that is there is left alone", () => {
  using tree = new Tree();
  Deno.writeTextFileSync(`${tree.rootfs}/etc/hosts`, "kept");
  const path = secureJoin(tree.rootfs, "/etc/hosts", { file: true });
  assert.equal(Deno.readTextFileSync(path), "kept");
});

Deno.test("`..` cannot leave the rootfs", () => {
  using tree = new Tree();
  assert.equal(secureJoin(tree.rootfs, "../../outside"), `${tree.rootfs}/outside`);
  assert.equal(secureJoin(tree.rootfs, "/etc/../.."), tree.rootfs);
});

Deno.test("symlinks are followed inside the rootfs, absolute ones from its root", () => {
  using tree = new Tree();
  Deno.mkdirSync(`${tree.rootfs}/run`);
  tree.link("/run", "abs");
  tree.link("../../run", "etc/relative");
  assert.equal(secureJoin(tree.rootfs, "/abs/lock"), `${tree.rootfs}/run/lock`);
  assert.equal(secureJoin(tree.rootfs, "/etc/relative"), `${tree.rootfs}/run`);
});

Deno.test("a symlink that points outside ends inside, nothing is made outside", () => {
  using tree = new Tree();
  tree.link(`${tree.dir}/outside`, "escape");
  const path = secureJoin(tree.rootfs, "/escape/new");
  assert.equal(path, `${tree.rootfs}${tree.dir}/outside/new`);
  assert.deepEqual([...Deno.readDirSync(`${tree.dir}/outside`)], []);
});

Deno.test("a dangling symlink gets its target made", () => {
  using tree = new Tree();
  tree.link("/data/real", "dangling");
  assert.equal(secureJoin(tree.rootfs, "/dangling"), `${tree.rootfs}/data/real`);
  assert.ok(Deno.statSync(`${tree.rootfs}/data/real`).isDirectory);
});

Deno.test("a symlink loop is ELOOP", () => {
  using tree = new Tree();
  tree.link("two", "one");
  tree.link("one", "two");
  assert.throws(() => secureJoin(tree.rootfs, "/one"), { code: "ELOOP", message: /\/one in / });
});

Deno.test("a file in the middle of the path is ENOTDIR", () => {
  using tree = new Tree();
  Deno.writeTextFileSync(`${tree.rootfs}/etc/hosts`, "");
  assert.throws(() => secureJoin(tree.rootfs, "/etc/hosts/x"), { code: "ENOTDIR" });
});
