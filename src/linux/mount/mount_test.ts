// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { LinuxError } from "../libc/errno.ts";
import { mount } from "./mount.ts";
import { type MountInfo, readMountInfo } from "./mountinfo.ts";
import { mountsUnder } from "./mounts_testing.ts";
import { unmount } from "./unmount.ts";

/** A directory to mount in; whatever is left mounted there goes with it. */
class Place implements Disposable {
  readonly dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "berth-mount-" }));

  /** Makes directories below. */
  dirs(...names: string[]): string[] {
    return names.map((name) => {
      Deno.mkdirSync(`${this.dir}/${name}`, { recursive: true });
      return `${this.dir}/${name}`;
    });
  }

  /** What is mounted below, oldest first. */
  mounts(): MountInfo[] {
    return readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(`${this.dir}/`));
  }

  [Symbol.dispose](): void {
    for (const point of mountsUnder(this.dir)) unmount(point, { detach: true });
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** The one mount at `path`. */
function at(place: Place, path: string): MountInfo {
  const found = place.mounts().filter(({ mountPoint }) => mountPoint === path);
  assert.equal(found.length, 1, `mounts at ${path}`);
  return found[0]!;
}

function isMountPoint(path: string): boolean {
  return readMountInfo().some(({ mountPoint }) => mountPoint === path);
}

const readOnly = { code: "EROFS" };

Deno.test("mount: a bind mount shows the same directory", () => {
  using place = new Place();
  const [source, target] = place.dirs("source", "target") as [string, string];
  mount({ type: "bind", source, target, options: ["bind"] });
  Deno.writeTextFileSync(`${target}/file`, "seen");
  assert.equal(Deno.readTextFileSync(`${source}/file`), "seen");
  unmount(target);
  assert.deepEqual([...Deno.readDirSync(target)], []);
});

Deno.test("mount: type bind alone makes a bind mount too", () => {
  using place = new Place();
  const [source, target] = place.dirs("source/in", "target") as [string, string];
  mount({ type: "bind", source: `${place.dir}/source`, target, options: ["ro"] });
  assert.ok(Deno.statSync(`${target}/in`).isDirectory);
  assert.throws(() => Deno.mkdirSync(`${target}/in/new`), readOnly);
  Deno.mkdirSync(`${source}/new`);
});

Deno.test("mount: a file can be bound over a file", () => {
  using place = new Place();
  const source = `${place.dir}/source`, target = `${place.dir}/target`;
  Deno.writeTextFileSync(source, "from source");
  Deno.writeTextFileSync(target, "");
  mount({ source, target, options: ["bind"] });
  assert.equal(Deno.readTextFileSync(target), "from source");
  assert.ok(isMountPoint(target));
});

Deno.test("mount: bind,ro is read-only while its source is not", () => {
  using place = new Place();
  const [source, target] = place.dirs("source", "target") as [string, string];
  mount({ type: "bind", source, target, options: ["bind", "ro", "nosuid", "nodev", "noexec"] });
  assert.throws(() => Deno.writeTextFileSync(`${target}/file`, ""), readOnly);
  Deno.writeTextFileSync(`${source}/file`, "");
  const options = at(place, target).options.split(",");
  for (const option of ["ro", "nosuid", "nodev", "noexec"]) assert.ok(options.includes(option));
});

Deno.test("mount: bind,ro keeps what the source's mount forbids, unless asked otherwise", () => {
  using place = new Place();
  const [source, kept, given] = place.dirs("source", "kept", "given") as [string, string, string];
  mount({ type: "tmpfs", source: "tmpfs", target: source, options: ["nosuid,nodev,noatime"] });
  mount({ source, target: kept, options: ["bind", "ro"] });
  mount({ source, target: given, options: ["bind", "ro", "suid"] });
  assert.match(at(place, kept).options, /^ro,nosuid,nodev,noatime/);
  assert.match(at(place, given).options, /^ro,nodev,noatime/);
});

Deno.test("mount: rbind takes the mounts below along, bind does not", () => {
  using place = new Place();
  const [source, below, all, one] = place.dirs("source", "source/below", "all", "one") as [
    string,
    string,
    string,
    string,
  ];
  mount({ type: "tmpfs", target: below });
  Deno.writeTextFileSync(`${below}/file`, "deep");
  mount({ source, target: all, options: ["rbind"] });
  mount({ source, target: one, options: ["bind"] });
  assert.equal(Deno.readTextFileSync(`${all}/below/file`), "deep");
  assert.throws(() => Deno.readTextFileSync(`${one}/below/file`), Deno.errors.NotFound);
});

Deno.test("mount: the mount that is there can be remounted read-only", () => {
  using place = new Place();
  const [source, target] = place.dirs("source", "target") as [string, string];
  mount({ source, target, options: ["bind"] });
  mount({ source: "none", target, options: ["remount", "bind", "ro"] });
  assert.throws(() => Deno.writeTextFileSync(`${target}/file`, ""), readOnly);
  Deno.writeTextFileSync(`${source}/file`, "");
});

Deno.test("mount: tmpfs gets its size, mode and flags", () => {
  using place = new Place();
  const [target] = place.dirs("target") as [string];
  mount({
    type: "tmpfs",
    source: "scratch",
    target,
    options: ["nosuid", "strictatime", "size=64k", "mode=700"],
  });
  const { source, fsType, options, superOptions } = at(place, target);
  assert.deepEqual([source, fsType], ["scratch", "tmpfs"]);
  assert.equal(options, "rw,nosuid");
  assert.match(superOptions, /size=64k/);
  assert.equal(Deno.statSync(target).mode! & 0o777, 0o700);
  assert.throws(() => Deno.writeFileSync(`${target}/big`, new Uint8Array(128 * 1024)), {
    code: "ENOSPC",
  });
});

Deno.test("mount: an overlay shows lower and keeps writes in upper", () => {
  using place = new Place();
  const [lower, upper, work, target] = place.dirs("lower", "upper", "work", "target") as [
    string,
    string,
    string,
    string,
  ];
  Deno.writeTextFileSync(`${lower}/file`, "lower");
  mount({
    type: "overlay",
    source: "overlay",
    target,
    options: [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`],
  });
  Deno.writeTextFileSync(`${target}/file`, "changed");
  assert.equal(Deno.readTextFileSync(`${lower}/file`), "lower");
  assert.equal(Deno.readTextFileSync(`${upper}/file`), "changed");
});

Deno.test("mount: several mounts in order are listed in the order that takes them away again", () => {
  using place = new Place();
  const [lower, root] = place.dirs("lower/data", "root") as [string, string];
  mount({ source: `${place.dir}/lower`, target: root, options: ["bind", "ro"] });
  mount({ type: "tmpfs", target: `${root}/data` });
  Deno.mkdirSync(`${root}/data/deep`);
  mount({ source: lower, target: `${root}/data/deep`, options: ["bind"] });
  mount({ type: "tmpfs", target: `${root}/data/deep` });
  const points = mountsUnder(place.dir);
  assert.deepEqual(points, [
    `${root}/data/deep`,
    `${root}/data/deep`,
    `${root}/data`,
    root,
  ]);
  for (const point of points) unmount(point);
  assert.deepEqual(mountsUnder(place.dir), []);
});

Deno.test("mount: mounts are found through a symlink to the directory", () => {
  using place = new Place();
  const [target] = place.dirs("real/target") as [string];
  Deno.symlinkSync("real", `${place.dir}/link`);
  mount({ type: "tmpfs", target });
  assert.deepEqual(mountsUnder(`${place.dir}/link`), [target]);
});

Deno.test("mount: names with spaces, backslashes and non-ASCII letters survive", () => {
  using place = new Place();
  const [target] = place.dirs("a b\\040 ü#\tz") as [string];
  mount({ type: "tmpfs", target });
  assert.deepEqual(mountsUnder(place.dir), [target]);
});

Deno.test("mount: propagation is set with the mount and changed later", () => {
  using place = new Place();
  const [target] = place.dirs("target") as [string];
  const propagation = () => at(place, target).propagation.map((tag) => tag.replace(/:.*/, ""));
  mount({ type: "tmpfs", target, options: ["rshared"] });
  assert.deepEqual(propagation(), ["shared"]);
  mount({ target, options: ["rprivate"] });
  assert.deepEqual(propagation(), []);
  mount({ type: "none", source: "none", target, options: ["unbindable"] });
  assert.deepEqual(propagation(), ["unbindable"]);
});

Deno.test("mount: a bind mount can be a slave: it sees mounts made in its source, not the reverse", () => {
  using place = new Place();
  const [source, target] = place.dirs("source", "target") as [string, string];
  mount({ type: "tmpfs", target: source, options: ["shared"] });
  place.dirs("source/one", "source/two");
  mount({ source, target, options: ["rbind", "rslave"] });
  mount({ type: "tmpfs", target: `${source}/one` });
  mount({ type: "tmpfs", target: `${target}/two` });
  assert.ok(isMountPoint(`${target}/one`));
  assert.ok(!isMountPoint(`${source}/two`));
});

Deno.test("mount: a mount that fails says what was to be mounted where, and why", () => {
  using place = new Place();
  const [target] = place.dirs("target") as [string];
  const source = `${place.dir}/missing`;
  assert.throws(() => mount({ source, target, options: ["bind"] }), (error) => {
    assert.ok(error instanceof LinuxError);
    assert.equal(error.code, "ENOENT");
    assert.equal(error.syscall, "mount");
    assert.ok(error.message.includes(`mount ${source} on ${target}: ENOENT`));
    return true;
  });
  assert.throws(() => mount({ type: "nosuchfs", source: "x", target }), { code: "ENODEV" });
  assert.throws(
    () => mount({ type: "tmpfs", source: "tmpfs", target, options: ["nosuchoption=1"] }),
    { code: "EINVAL", message: /\(tmpfs, nosuchoption=1\)/ },
  );
  assert.deepEqual(mountsUnder(place.dir), []);
});

Deno.test("mount: an option that a bind mount does not know is refused, not dropped", () => {
  using place = new Place();
  const [source, target] = place.dirs("source", "target") as [string, string];
  assert.throws(() => mount({ source, target, options: ["bind", "size=1m"] }), {
    code: "EINVAL",
    message: /size=1m/,
  });
  assert.ok(!isMountPoint(target));
});

Deno.test("mount: options that do not fit in mount(2)'s page are an error that says so", () => {
  using place = new Place();
  const [target] = place.dirs("target") as [string];
  const long = `huge=${"x".repeat(70_000)}`;
  assert.throws(() => mount({ type: "tmpfs", target, options: [long] }), {
    code: "E2BIG",
    message: /tmpfs on .*target: \d+ bytes of options, mount\(2\) takes at most \d+/,
  });
});

Deno.test("mount: a busy mount is EBUSY, and detach takes it away", () => {
  using place = new Place();
  const [target] = place.dirs("target") as [string];
  mount({ type: "tmpfs", target });
  using _open = Deno.createSync(`${target}/file`);
  assert.throws(() => unmount(target), { code: "EBUSY", message: new RegExp(target) });
  unmount(target, { detach: true });
  assert.ok(!isMountPoint(target));
});

Deno.test("unmount of what is not mounted is EINVAL, and does not follow a symlink", () => {
  using place = new Place();
  const [target, plain] = place.dirs("target", "plain") as [string, string];
  mount({ type: "tmpfs", target });
  Deno.symlinkSync(target, `${place.dir}/link`);
  assert.throws(() => unmount(plain), { code: "EINVAL" });
  assert.throws(() => unmount(`${place.dir}/link`), { code: "EINVAL" });
  assert.ok(isMountPoint(target));
});

Deno.test("mountsUnder is empty where nothing is mounted or there is no such directory", () => {
  using place = new Place();
  const [target, plain] = place.dirs("target", "plain") as [string, string];
  mount({ source: plain, target, options: ["bind"] });
  Deno.symlinkSync(target, `${place.dir}/link`);
  assert.deepEqual(mountsUnder(target), [target]);
  assert.deepEqual(mountsUnder(plain), []);
  assert.deepEqual(mountsUnder(`${place.dir}/missing`), []);
});

Deno.test("mount: a path with a NUL inside is refused", () => {
  assert.throws(() => mount({ type: "tmpfs", target: "/tmp\0x" }), { code: "EINVAL" });
});
