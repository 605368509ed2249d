// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { LinuxError } from "../libc/errno.ts";
import { mountInRoot, mountPrivate } from "./mount_in_root.ts";
import { readMountInfo } from "./mountinfo.ts";
import { Swapper } from "./swapper_testing.ts";
import { mountsUnder, unmountAll, UnmountError } from "./unmount.ts";

/** A directory with a rootfs in it, a mount of its own, and something outside. */
class Tree implements Disposable {
  readonly dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "berth-in-root-" }));
  readonly rootfs = `${this.dir}/rootfs`;
  readonly outside = `${this.dir}/outside`;
  readonly staging = `${this.dir}/staging`;

  constructor() {
    Deno.mkdirSync(`${this.rootfs}/a/b`, { recursive: true });
    Deno.mkdirSync(`${this.outside}/b`, { recursive: true });
    mountPrivate({ type: "bind", source: this.rootfs, target: this.rootfs });
  }

  /** Mounts at `target` in the rootfs. */
  mount(target: string, spec: { type?: string; source?: string; options?: string[] } = {}): void {
    mountInRoot(this.rootfs, { type: "tmpfs", source: "tmpfs", ...spec, target }, this.staging);
  }

  [Symbol.dispose](): void {
    unmountAll(this.dir, { detach: true });
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("mountInRoot makes a mount with its options, and nothing is left beside the rootfs", () => {
  using tree = new Tree();
  const source = `${tree.dir}/source`;
  Deno.mkdirSync(source);
  mountPrivate({ type: "tmpfs", target: source });
  Deno.writeTextFileSync(`${source}/file`, "bound");
  tree.mount("/new/place", { type: "bind", source, options: ["rbind", "ro", "noexec"] });
  tree.mount("/etc/file", { type: "bind", source: `${source}/file`, options: ["bind"] });
  tree.mount("/a/b", { options: ["size=64k", "nosuid", "shared"] });
  const found = (path: string) =>
    readMountInfo().find(({ mountPoint }) => mountPoint === `${tree.rootfs}${path}`);
  assert.match(found("/new/place")?.options ?? "", /^ro,noexec/);
  assert.equal(Deno.readTextFileSync(`${tree.rootfs}/etc/file`), "bound");
  assert.match(found("/a/b")?.superOptions ?? "", /size=64k/);
  assert.match(found("/a/b")?.propagation.join() ?? "", /^shared:/, "asked for");
  tree.mount("/a/b", { type: "", source: "", options: ["private"] });
  assert.deepEqual(found("/a/b")?.propagation, []);
  tree.mount("/a/b", { options: ["remount", "ro"] });
  assert.match(found("/a/b")?.options ?? "", /^ro,/);
  assert.deepEqual([...Deno.readDirSync(tree.dir)].map(({ name }) => name).sort(), [
    "outside",
    "rootfs",
    "source",
  ]);
});

Deno.test("mountInRoot of a file system whose source is no directory, as a device is, makes a directory", () => {
  using tree = new Tree();
  const source = `${tree.dir}/disk`;
  Deno.writeTextFileSync(source, "");
  tree.mount("/disk", { source });
  const found = readMountInfo().find(({ mountPoint }) => mountPoint === `${tree.rootfs}/disk`);
  assert.equal(found?.fsType, "tmpfs");
});

Deno.test("mountInRoot of a source on a shared mount is no peer of it", () => {
  using tree = new Tree();
  const source = `${tree.dir}/source`;
  Deno.mkdirSync(source);
  mountPrivate({ type: "tmpfs", target: source, options: ["shared"] });
  Deno.mkdirSync(`${source}/inner`);
  tree.mount("/a", { type: "bind", source, options: ["rbind"] });
  tree.mount("/a/inner");
  assert.deepEqual(mountsUnder(source), [source]);
  unmountAll(`${tree.rootfs}/a`);
  assert.deepEqual(mountsUnder(tree.rootfs), [tree.rootfs]);
});

Deno.test("mountInRoot says what does not fit, and leaves nothing", () => {
  using tree = new Tree();
  const file = `${tree.dir}/file`;
  Deno.writeTextFileSync(file, "");
  Deno.writeTextFileSync(`${tree.rootfs}/a/file`, "");
  for (
    const [target, spec, code] of [
      ["/a/file", {}, "ENOTDIR"],
      ["/a", { type: "bind", source: file }, "EISDIR"],
      ["/a", { type: "no-such-fs", source: "" }, "ENODEV"],
      ["/a/file/x", {}, "ENOTDIR"],
      ["/a", { type: "bind", source: `${tree.dir}/none` }, "ENOENT"],
    ] as const
  ) assert.throws(() => tree.mount(target, spec), { code }, `${target} ${code}`);
  assert.deepEqual(mountsUnder(tree.dir), [tree.rootfs]);
  assert.throws(() => Deno.lstatSync(tree.staging), Deno.errors.NotFound);
});

testNeeding(
  ["python3"],
  "mountPrivate: whoever swaps directories for symlinks gets no mount outside the root, nor one away",
  async () => {
    using tree = new Tree();
    const kept = `${tree.outside}/b`;
    mountPrivate({ type: "tmpfs", target: kept });
    {
      await using _swapper = await Swapper.start(`${tree.rootfs}/a`, tree.outside);
      let unmounted = 0;
      for (let i = 0; i < 300; i++) {
        tree.mount("a/b", { options: ["size=4k"] });
        const outside = mountsUnder(tree.outside);
        assert.deepEqual(outside, [kept], `mount ${i} is outside`);
        try {
          unmountAll(tree.rootfs);
          unmounted++;
          mountPrivate({ type: "bind", source: tree.rootfs, target: tree.rootfs });
        } catch (error) {
          // Its path was a symlink just then.
          if (!(error instanceof UnmountError && error.cause instanceof LinuxError)) throw error;
        }
        assert.deepEqual(mountsUnder(tree.outside), [kept], `unmount ${i} took the other away`);
      }
      assert.ok(unmounted > 0);
    }
  },
);
