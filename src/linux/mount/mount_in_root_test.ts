// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { LinuxError } from "../libc/errno.ts";
import { mountInRoot, mountPrivate } from "./mount_in_root.ts";
import { readMountInfo } from "./mountinfo.ts";
import { Swapper } from "./swapper_testing.ts";
import { mountsUnder } from "./mounts_testing.ts";
import { unmount, unmountAll, UnmountError } from "./unmount.ts";

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

/** Makes a source on a shared mount, with a mount below it that is shared, too. */
function sharedSource({ dir }: Tree): { source: string; mounts: string[] } {
  const source = `${dir}/source`, below = `${source}/below`;
  Deno.mkdirSync(source);
  mountPrivate({ type: "tmpfs", target: source, options: ["shared"] });
  Deno.mkdirSync(below);
  mountPrivate({ type: "tmpfs", target: below, options: ["shared"] });
  Deno.mkdirSync(`${below}/inner`);
  return { source, mounts: [below, source] };
}

Deno.test("mountInRoot of a source with mounts below it is no peer of these either", () => {
  using tree = new Tree();
  const { source, mounts } = sharedSource(tree);
  tree.mount("/a", { type: "bind", source, options: ["rbind"] });
  tree.mount("/a/below/inner");
  assert.deepEqual(mountsUnder(source), mounts);
  const { rootfs } = tree;
  assert.deepEqual(mountsUnder(rootfs), [
    `${rootfs}/a/below/inner`,
    `${rootfs}/a/below`,
    `${rootfs}/a`,
    rootfs,
  ]);
});

Deno.test("mountInRoot of a source that stays a peer spares the mounts below it", () => {
  using tree = new Tree();
  const { source, mounts } = sharedSource(tree);
  tree.mount("/a", { type: "bind", source, options: ["rbind", "rshared"] });
  assert.deepEqual(mountsUnder(source), mounts);
  tree.mount("/a/below/inner");
  assert.deepEqual(mountsUnder(source), [`${source}/below/inner`, ...mounts], "a peer");
});

Deno.test("unmountAll spares the mounts of the peers", () => {
  for (const options of [{}, { detach: true }]) {
    using tree = new Tree();
    const { source, mounts } = sharedSource(tree);
    const target = `${tree.rootfs}/a`;
    const peer = { type: "bind", source, target, options: ["rbind", "rshared"] };
    mountPrivate(peer);
    unmountAll(target, options);
    assert.deepEqual(mountsUnder(target), []);
    assert.deepEqual(mountsUnder(source), mounts);
    // With another on top, which is on top of the source, too.
    mountPrivate(peer);
    mountPrivate({ type: "tmpfs", target });
    assert.equal(mountsUnder(source).length, 3);
    unmountAll(target, options);
    assert.deepEqual(mountsUnder(target), []);
    assert.deepEqual(mountsUnder(source), mounts);
  }
});

Deno.test("unmountAll takes what was made in the tree from the peers, and nothing else", () => {
  using tree = new Tree();
  const { source } = sharedSource(tree);
  for (const name of ["v", "later", "own"]) Deno.mkdirSync(`${source}/${name}`);
  mountPrivate({ type: "tmpfs", target: `${source}/own` });
  const volume = { type: "bind", source: `${tree.dir}/volume`, target: "/v", options: ["rbind"] };
  Deno.mkdirSync(volume.source);
  mountPrivate({ type: "tmpfs", target: volume.source, options: ["shared"] });
  Deno.mkdirSync(`${volume.source}/x`);
  mountPrivate({ type: "tmpfs", target: `${volume.source}/x`, options: ["shared"] });
  const before = mountsUnder(source), ofVolume = mountsUnder(volume.source);
  const target = `${tree.rootfs}/a`;
  mountPrivate({ type: "bind", source, target, options: ["rbind", "rshared"] });
  mountInRoot(target, volume, tree.staging);
  for (const place of ["/below/inner", "/own"]) {
    mountInRoot(target, { type: "tmpfs", target: place }, tree.staging);
  }
  mountPrivate({ type: "tmpfs", target: `${source}/later`, options: ["shared"] });
  assert.equal(mountsUnder(target).length, before.length + 5);
  assert.equal(mountsUnder(source).length, before.length + 4, "not what is on a private one");
  unmountAll(target);
  assert.deepEqual(mountsUnder(target), []);
  assert.deepEqual(mountsUnder(source), [`${source}/later`, ...before]);
  assert.deepEqual(mountsUnder(volume.source), ofVolume);
});

Deno.test("unmount of a mount with others below it spares the mounts of the peers", () => {
  using tree = new Tree();
  const { source, mounts } = sharedSource(tree);
  const target = `${tree.rootfs}/a`;
  mountPrivate({ type: "bind", source, target, options: ["rbind", "rshared"] });
  unmount(target, { detach: true });
  assert.deepEqual(mountsUnder(target), []);
  assert.deepEqual(mountsUnder(source), mounts);
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
