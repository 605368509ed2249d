// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { E2BIG, EINVAL, ENOENT, ENOSYS, isErrno, LinuxError } from "../libc/errno.ts";
import { explainOldKernel, parseLongOverlay } from "./long_overlay.ts";
import { mount } from "./mount.ts";
import { readMountInfo } from "./mountinfo.ts";
import { unmount } from "./unmount.ts";
import { FSOPEN, withoutCall } from "./without_call_testing.ts";

/** A tmpfs with directories for layers, whose paths are too long for mount(2) together. */
class Layers implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-layers-" });
  readonly lowers: string[] = [];

  constructor(count: number, name = "l".repeat(60)) {
    mount({ type: "tmpfs", target: this.dir });
    for (let n = 0; n < count; n++) {
      const lower = `${this.dir}/${name}${n}`;
      Deno.mkdirSync(lower, { recursive: true });
      Deno.writeTextFileSync(`${lower}/f${n}`, "");
      Deno.writeTextFileSync(`${lower}/all`, `${n}`);
      this.lowers.push(lower);
    }
    for (const name of ["m", "u,pper", "work"]) Deno.mkdirSync(`${this.dir}/${name}`);
  }

  /** The options of mount(8). */
  get options(): string[] {
    const escape = (path: string) => path.replaceAll(/[\\,:]/g, (character) => `\\${character}`);
    return [`lowerdir=${this.lowers.map(escape).join(":")}`];
  }

  get target(): string {
    return `${this.dir}/m`;
  }

  [Symbol.dispose](): void {
    for (const path of [this.target, this.dir]) {
      try {
        unmount(path, { detach: true });
      } catch (error) {
        // It was not mounted.
        if (!isErrno(error, EINVAL)) throw error;
      }
    }
    Deno.removeSync(this.dir);
  }
}

Deno.test("mount takes an overlay of 500 layers, the most that the kernel knows", () => {
  using layers = new Layers(500);
  const { dir, target } = layers;
  const own = [`upperdir=${dir}/u\\,pper`, `workdir=${dir}/work`];
  mount({
    type: "overlay",
    target,
    options: [...layers.options, ...own, "nosuid", "noatime", "private"],
  });
  assert.equal([...Deno.readDirSync(target)].length, 501);
  // The first one named is the topmost.
  assert.equal(Deno.readTextFileSync(`${target}/all`), "0");
  Deno.writeTextFileSync(`${target}/new`, "");
  assert.ok(Deno.statSync(`${dir}/u,pper/new`).isFile);
  const info = readMountInfo().find(({ mountPoint }) => mountPoint === target);
  assert.deepEqual([info?.source, info?.options], ["overlay", "rw,nosuid,noatime"]);
});

Deno.test("long overlay: layers of an overlay may have paths that are long or have separators in them", () => {
  using layers = new Layers(160, `a:b,c\\d/${"l".repeat(250)}`);
  mount({ type: "overlay", target: layers.target, options: [...layers.options, "ro"] });
  assert.equal([...Deno.readDirSync(layers.target)].length, 161);
  assert.throws(() => Deno.mkdirSync(`${layers.target}/new`), { code: "EROFS" });
});

Deno.test("long overlay: an overlay of too many layers says what the kernel says, and mounts nothing", () => {
  using layers = new Layers(501);
  const mounts = () => readMountInfo().filter(({ mountPoint }) => mountPoint === layers.target);
  const fails = (options: string[], errno: number, pattern: RegExp) =>
    assert.throws(
      () => mount({ type: "overlay", target: layers.target, options }),
      (error) => isErrno(error, errno) && pattern.test(error.message),
    );
  fails(layers.options, EINVAL, /501 lower directories on .*overlay: too many lower/);
  layers.lowers[499] = `${layers.dir}/missing`;
  fails(layers.options, ENOENT, /overlay of 501 lower directories/);
  // Layers of data alone are set otherwise.
  fails([`lowerdir=${"/a:".repeat(2000)}:/b`], E2BIG, /bytes of options/);
  fails([layers.options.join(), "remount"], E2BIG, /bytes of options/);
  assert.deepEqual(mounts(), []);
});

Deno.test("parseLongOverlay takes escapes off the layers, and leaves the other options", () => {
  assert.deepEqual(parseLongOverlay("index=off,lowerdir=/a\\:b:/c\\,d:/e\\\\,upperdir=/u\\,v"), {
    lowers: ["/a:b", "/c,d", "/e\\"],
    others: ["index=off", "upperdir=/u\\,v"],
  });
  for (const data of ["", "upperdir=/u", "lowerdir=", "lowerdir=/a::/b"]) {
    assert.equal(parseLongOverlay(data), undefined, data);
  }
});

Deno.test("long overlay: what older kernels answer, told by stand-ins, names the kernel that is needed", () => {
  const what = "overlay of 200 lower directories on /m";
  const answers = [
    new LinuxError(ENOSYS, "fsopen", what),
    // Linux 6.5 to 6.7, and before.
    new LinuxError(EINVAL, "mount", `${what}: overlay: Unknown parameter 'lowerdir+'`),
    new LinuxError(EINVAL, "mount", `${what}: VFS: Legacy: Cumulative options too large`),
    new LinuxError(EINVAL, "mount", `${what}: VFS: Legacy: Option 'lowerdir+' contained comma`),
  ];
  for (const answer of answers) {
    const error = explainOldKernel(answer, what);
    assert.ok(isErrno(error, E2BIG), answer.message);
    assert.match(
      error.message,
      /200 lower directories on \/m: that many take Linux 6\.8 or later, and this is \d/,
    );
    assert.equal(error.cause, answer);
  }
  for (
    const other of [
      new LinuxError(EINVAL, "mount", `${what}: overlay: Unknown parameter 'color'`),
      new LinuxError(ENOENT, "mount", what),
      new Error("other"),
    ]
  ) {
    assert.equal(explainOldKernel(other, what), other);
  }
});

Deno.test("long overlay: the kernel says in its own words which option is unknown to it", () => {
  using layers = new Layers(200);
  const options = [...layers.options, "lowerdir-=/x"];
  assert.throws(
    () => mount({ type: "overlay", target: layers.target, options }),
    (error) =>
      isErrno(error, EINVAL) && /overlay: Unknown parameter 'lowerdir-'/.test(error.message),
  );
});

testNeeding(
  ["python3"],
  "long overlay: an older kernel takes some 140 layers, and more are an error that names its successor",
  () => {
    const mountAs = (layers: Layers) => {
      const spec = { type: "overlay", target: layers.target, options: layers.options };
      const script = `import { mount } from "${import.meta.resolve("./mount.ts")}";
      try { mount(${JSON.stringify(spec)}); } catch (error) { console.log(error.message); }`;
      const { success, stdout, stderr } = new Deno.Command("python3", {
        args: withoutCall(FSOPEN, [Deno.execPath(), "eval", "-q", script]),
      }).outputSync();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    using few = new Layers(140, "l".repeat(20));
    assert.equal(mountAs(few), "");
    assert.equal([...Deno.readDirSync(few.target)].length, 141);
    using many = new Layers(300);
    const message = mountAs(many);
    assert.match(message, /overlay of 300 lower directories on .*: that many take Linux 6\.8/);
  },
);
