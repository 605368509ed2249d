// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { OwnedFd } from "../fd/fd.ts";
import { isErrno, LinuxError } from "../libc/errno.ts";
import { Reaper } from "../process/reaper.ts";
import { openUserNamespace } from "../process/user_namespace.ts";
import { mountIdmapped, takeIdMaps } from "./idmapped.ts";
import { mount } from "./mount.ts";
import { mountPrivate } from "./mount_in_root.ts";
import { readMountInfo } from "./mountinfo.ts";
import { mountsUnder } from "./mounts_testing.ts";
import { unmount } from "./unmount.ts";

const MAPS = { uids: "0 65536 1000", gids: "0 165536 1000" };

/** A tmpfs to mount in, with a user namespace; whatever is mounted there goes with it. */
class Place implements AsyncDisposable {
  readonly dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "berth-idmapped-" }));
  readonly #namespace: OwnedFd;

  private constructor(namespace: OwnedFd) {
    this.#namespace = namespace;
    mount({ type: "tmpfs", target: this.dir });
  }

  static async make(): Promise<Place> {
    using reaper = Reaper.start({ reapAll: false });
    return new Place(await openUserNamespace(reaper, MAPS));
  }

  get namespace(): number {
    return this.#namespace.fd;
  }

  /** Makes a directory with a file that belongs to 0:0 and one that belongs to 7:8. */
  layer(path: string): string {
    const [dir] = this.dirs(path) as [string];
    const name = path.slice(path.lastIndexOf("/") + 1);
    Deno.writeTextFileSync(`${dir}/root-${name}`, name);
    Deno.writeTextFileSync(`${dir}/other-${name}`, name);
    Deno.chownSync(`${dir}/other-${name}`, 7, 8);
    return dir;
  }

  dirs(...names: string[]): string[] {
    return names.map((name) => {
      Deno.mkdirSync(`${this.dir}/${name}`);
      return `${this.dir}/${name}`;
    });
  }

  /** How many mounts there are at and below a path. */
  mounts(path: string): number {
    return readMountInfo().filter(({ mountPoint }) => `${mountPoint}/`.startsWith(`${path}/`))
      .length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#namespace[Symbol.dispose]();
    for (const point of mountsUnder(this.dir)) unmount(point, { detach: true });
    Deno.removeSync(this.dir, { recursive: true });
    return Promise.resolve();
  }
}

function ownerOf(path: string): string {
  const { uid, gid } = Deno.statSync(path);
  return `${uid}:${gid}`;
}

Deno.test("mountIdmapped: the lower directories of an overlay have other ids, the upper one has not", async () => {
  await using place = await Place.make();
  const lowers = [place.layer("a"), place.layer("b"), place.layer("c")];
  const [upper, work, target] = place.dirs("upper", "work", "target") as [string, string, string];
  const data = `lowerdir=${lowers.join(":")},upperdir=${upper},workdir=${work}`;
  mountIdmapped({ type: "overlay", target, options: [data, "nosuid"] }, place.namespace);
  for (const name of ["a", "b", "c"]) {
    assert.equal(ownerOf(`${target}/root-${name}`), "65536:165536");
    assert.equal(ownerOf(`${target}/other-${name}`), "65543:165544");
  }
  assert.equal(place.mounts(target), 1, "only the overlay is left");
  assert.ok(
    readMountInfo().find((mount) => mount.mountPoint === target)?.options.includes("nosuid"),
  );
  // A copy up keeps the owner that is seen, and the layer is as it was.
  Deno.chmodSync(`${target}/root-a`, 0o600);
  assert.equal(ownerOf(`${upper}/root-a`), "65536:165536");
  assert.equal(ownerOf(`${lowers[0]}/root-a`), "0:0");
  unmount(target);
});

Deno.test("mountIdmapped: a bind mount and what is mounted below have other ids", async () => {
  await using place = await Place.make();
  const source = place.layer("source");
  const [below, target] = place.dirs("source/below", "target") as [string, string];
  mount({ type: "tmpfs", target: below });
  Deno.writeTextFileSync(`${below}/file`, "");
  const spec = { type: "bind", source, target, options: ["rbind"] };
  mountPrivate({ ...spec, userNamespace: place.namespace });
  assert.equal(ownerOf(`${target}/other-source`), "65543:165544");
  assert.equal(ownerOf(`${target}/below/file`), "65536:165536");
  assert.equal(ownerOf(`${source}/other-source`), "7:8");
  assert.equal(place.mounts(target), 2);
  // What belongs to somebody else there belongs, on disk, to whom the map has it for.
  Deno.chownSync(`${target}/root-source`, 65537, 165537);
  assert.equal(ownerOf(`${source}/root-source`), "1:1");
});

Deno.test("mountIdmapped: more layers than a page has room for", async () => {
  await using place = await Place.make();
  const lowers = Array.from({ length: 60 }, (_, n) => place.layer(`${"long".repeat(30)}${n}`));
  const [target] = place.dirs("target") as [string];
  const options = [`lowerdir=${lowers.join(":")}`];
  mountIdmapped({ type: "overlay", target, options }, place.namespace);
  assert.equal(ownerOf(`${target}/other-${"long".repeat(30)}59`), "65543:165544");
  assert.equal(place.mounts(target), 1);
});

Deno.test("mountIdmapped: where layers are shared mounts, nothing is mounted on them elsewhere", async () => {
  await using place = await Place.make();
  const [shared, target] = place.dirs("shared", "target") as [string, string];
  mount({ type: "tmpfs", target: shared, options: ["shared"] });
  const lowers = ["shared/a", "shared/b", "shared/a/below"].map((path) => place.layer(path));
  const before = place.mounts(place.dir);
  const overlay = (...lowers: string[]) => () => {
    const options = [`lowerdir=${lowers.join(":")}`];
    mountIdmapped({ type: "overlay", target, options }, place.namespace);
  };
  overlay(...lowers.slice(0, 2))();
  assert.equal(place.mounts(place.dir), before + 1);
  unmount(target);
  assert.equal(place.mounts(place.dir), before);
  // The kernel refuses a layer in a layer, but finds it: the second is not mounted on the first where
  // that is, too. Then it would be ENOENT.
  assert.throws(overlay(...lowers), { code: "ELOOP" });
});

Deno.test("mountIdmapped says why it cannot, and leaves nothing", async () => {
  await using place = await Place.make();
  const layer = place.layer("a");
  const [target] = place.dirs("target") as [string];
  const refused: [Parameters<typeof mountIdmapped>[0], RegExp][] = [
    [{ type: "proc", target }, /proc on .*: its file system does not support mapped ids/],
    [{ type: "overlay", target, options: ["ro"] }, /not without lower directories/],
    [
      { type: "overlay", target, options: [`lowerdir=${layer}:${layer}/nothing`] },
      /nothing: ENOENT/,
    ],
    [{ type: "overlay", target, options: ["lowerdir=/proc"] }, /^mount \/proc: its file system/],
    [
      { type: "overlay", target, options: [`lowerdir=${layer}`, "nonsense"] },
      /nonsense.* EINVAL .*mapped layers take Linux 5.19/,
    ],
    [{ target, options: ["remount", "ro"] }, /not for a mount that is there/],
  ];
  for (const [spec, message] of refused) {
    assert.throws(() => mountIdmapped(spec, place.namespace), (error) => {
      assert.ok(error instanceof LinuxError);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(place.mounts(target), 0, `${spec.options}`);
  }
});

Deno.test("takeIdMaps takes both maps out of the options, however the commas stand", () => {
  const maps = { uids: "0 65536 1\n1 70000 10", gids: "0 65536 65536" };
  const whole = ["ro", "uidmap=0:65536:1,1:70000:10", "gidmap=0:65536:65536", "lowerdir=/a:/b"];
  assert.deepEqual(takeIdMaps(whole), { options: ["ro", "lowerdir=/a:/b"], maps });
  assert.deepEqual(takeIdMaps([whole.join()]), { options: ["ro", "lowerdir=/a:/b"], maps });
  assert.deepEqual(takeIdMaps(["lowerdir=/a,ro"]), { options: ["lowerdir=/a,ro"] });
});

Deno.test("takeIdMaps refuses what is half a map", () => {
  for (
    const [options, message] of [
      [["uidmap=0:1:2"], /uidmap: uidmap and gidmap go together/],
      [["uidmap=0:1", "gidmap=0:1:2"], /uidmap=0:1: not FILE:HOST:SIZE/],
      [["uidmap=", "gidmap=0:1:2"], /uidmap=: not FILE:HOST:SIZE/],
      [["uidmap=0:1:2,3:4", "gidmap=0:1:2"], /3:4: not FILE:HOST:SIZE/],
      [["uidmap=0:1:2", "gidmap=0:1:2", "uidmap=0:1:2"], /there is one already/],
    ] as const
  ) {
    assert.throws(() => takeIdMaps(options), (error) => {
      assert.ok(isErrno(error, 22));
      assert.match(error.message, message);
      return true;
    });
  }
});
