// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { canMountOn } from "./etc_files.ts";

/** Returns whether a file may be mounted at `/etc/f`, if what is missing may be made and if not. */
function mountable(make: (rootfs: string) => void): [boolean, boolean] {
  using temp = new TempDir();
  const rootfs = temp.path;
  make(rootfs);
  const at = (may: boolean) => canMountOn(rootfs, "/etc/f", { inRoot: may, inShm: may });
  return [at(true), at(false)];
}

/** As {@linkcode mountable} where `/etc` is a directory. */
function inEtc(make: (etc: string) => void): [boolean, boolean] {
  return mountable((rootfs) => {
    Deno.mkdirSync(`${rootfs}/etc`);
    make(`${rootfs}/etc`);
  });
}

Deno.test("canMountOn: a file, and what is missing if it may be made", () => {
  assert.deepEqual(inEtc((etc) => Deno.writeTextFileSync(`${etc}/f`, "")), [true, true]);
  assert.deepEqual(inEtc(() => {}), [true, false]);
  assert.deepEqual(mountable(() => {}), [true, false]);
});

Deno.test("canMountOn: a link that leads to a file or nowhere, not one in a circle or to a directory", () => {
  const link = (target: string) =>
    inEtc((etc) => {
      Deno.writeTextFileSync(`${etc}/file`, "");
      Deno.symlinkSync(target, `${etc}/f`);
    });
  assert.deepEqual(link("file"), [true, true]);
  assert.deepEqual(link("/etc/../../etc/file"), [true, true]);
  for (const target of ["../run/systemd/resolve/stub-resolv.conf", "/dev/shm/f"]) {
    assert.deepEqual(link(target), [true, false]);
  }
  for (
    const target of [
      "f",
      "/etc/f",
      "..",
      "/",
      "file/f",
      "/dev/null",
      "../proc/1/environ",
      "/dev/shm",
    ]
  ) {
    assert.deepEqual(link(target), [false, false], target);
  }
});

Deno.test("canMountOn: what is missing in /dev/shm is made there, not in the root filesystem", () => {
  using temp = new TempDir();
  const rootfs = temp.path;
  Deno.mkdirSync(`${rootfs}/etc`);
  Deno.symlinkSync("/dev/shm/f", `${rootfs}/etc/shm`);
  Deno.symlinkSync("/run/f", `${rootfs}/etc/run`);
  const inShm = { inRoot: false, inShm: true }, inRoot = { inRoot: true, inShm: false };
  assert.ok(canMountOn(rootfs, "/etc/shm", inShm) && canMountOn(rootfs, "/etc/run", inRoot));
  assert.ok(!canMountOn(rootfs, "/etc/shm", inRoot) && !canMountOn(rootfs, "/etc/run", inShm));
});

Deno.test("canMountOn: not a directory, nor below what is none", () => {
  assert.deepEqual(inEtc((etc) => Deno.mkdirSync(`${etc}/f`)), [false, false]);
  assert.deepEqual(mountable((rootfs) => Deno.writeTextFileSync(`${rootfs}/etc`, "")), [
    false,
    false,
  ]);
});

Deno.test("canMountOn: an absolute link in the place of /etc is looked up inside, not on the host", () => {
  using temp = new TempDir();
  const host = temp.path;
  Deno.writeTextFileSync(`${host}/f`, "the host's");
  const [made, found] = mountable((rootfs) => Deno.symlinkSync(host, `${rootfs}/etc`));
  assert.deepEqual([made, found], [true, false]);
  const inside = mountable((rootfs) => {
    Deno.mkdirSync(`${rootfs}/usr/etc/f`, { recursive: true });
    Deno.symlinkSync("/usr/etc", `${rootfs}/etc`);
  });
  assert.deepEqual(inside, [false, false]);
});
