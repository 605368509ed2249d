// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { checkUserFiles, resolveGroups, resolveUser } from "./passwd.ts";

function inRootfs(test: (rootfs: string) => void): void {
  using temp = new TempDir();
  const rootfs = temp.path;
  Deno.mkdirSync(`${rootfs}/etc`);
  test(rootfs);
}

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/sh\n";
const GROUP = "root:x:0:\nusers:x:100:ann\ndocker:x:999:bob,ann\nwheel:x:10:ann\n";

Deno.test("resolveUser: users and groups are found by name and number in the rootfs's own files", () =>
  inRootfs((rootfs) => {
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD);
    Deno.writeTextFileSync(`${rootfs}/etc/group`, GROUP);
    assert.deepEqual(resolveUser(rootfs, "ann"), {
      uid: 1000,
      gid: 100,
      additionalGids: [999, 10],
    });
    assert.deepEqual(resolveUser(rootfs, "1000"), resolveUser(rootfs, "ann"));
    assert.deepEqual(resolveUser(rootfs, "ann:docker"), { uid: 1000, gid: 999 });
    assert.deepEqual(resolveUser(rootfs, "ann:7"), { uid: 1000, gid: 7 });
    assert.deepEqual(resolveUser(rootfs, "root"), { uid: 0, gid: 0 });
    assert.deepEqual(resolveUser(rootfs, "4242"), { uid: 4242, gid: 0 });
    const unknown = ["bob", "ann:nobody", "", ":nobody", "a:b:c", "::", "4294967295", "-1"];
    for (const text of unknown) {
      assert.throws(() => resolveUser(rootfs, text), InvalidParamsError, text);
    }
  }));

Deno.test("resolveUser: numbers need no passwd file", () =>
  inRootfs((rootfs) => {
    assert.deepEqual(resolveUser(rootfs, "5:6"), { uid: 5, gid: 6 });
    assert.deepEqual(resolveUser(rootfs, ":6"), { uid: 0, gid: 6 });
    assert.throws(() => resolveUser(rootfs, "root"), InvalidParamsError);
  }));

Deno.test("resolveUser: an empty part is left out, as in docker: user 0, or the user's own group", () =>
  inRootfs((rootfs) => {
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD);
    Deno.writeTextFileSync(`${rootfs}/etc/group`, `${GROUP}log:x:4:root\n`);
    assert.deepEqual(resolveUser(rootfs, "root:"), { uid: 0, gid: 0, additionalGids: [4] });
    assert.deepEqual(resolveUser(rootfs, ":"), resolveUser(rootfs, "root"));
    assert.deepEqual(resolveUser(rootfs, "ann:"), resolveUser(rootfs, "ann"));
    assert.deepEqual(resolveUser(rootfs, "7:"), { uid: 7, gid: 0 });
    assert.deepEqual(resolveUser(rootfs, ":users"), { uid: 0, gid: 100 });
    assert.deepEqual(resolveUser(rootfs, ":7"), { uid: 0, gid: 7 });
  }));

Deno.test("resolveUser: a user in more groups than a process can have is refused", () =>
  inRootfs((rootfs) => {
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD);
    const groups = Array.from(
      { length: 65_537 },
      (_, index) => `g${index}:x:${index + 1000}:ann\n`,
    );
    Deno.writeTextFileSync(`${rootfs}/etc/group`, groups.slice(1).join(""));
    assert.equal(resolveUser(rootfs, "ann").additionalGids?.length, 65_536);
    Deno.writeTextFileSync(`${rootfs}/etc/group`, groups.join(""));
    assert.throws(() => resolveUser(rootfs, "ann"), /in 65537 groups .* at most 65536/);
    assert.deepEqual(resolveUser(rootfs, "ann:5"), { uid: 1000, gid: 5 });
  }));

Deno.test("resolveUser: a file that is too large to be read is named where it is needed", () =>
  inRootfs((rootfs) => {
    const large = "x".repeat(17 << 20);
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD + large);
    Deno.writeTextFileSync(`${rootfs}/etc/group`, GROUP);
    for (const text of ["root", "1000", "ann:7"]) {
      assert.throws(() => resolveUser(rootfs, text), /etc\/passwd .* is larger than .* not read/);
    }
    assert.deepEqual(resolveUser(rootfs, "5:docker"), { uid: 5, gid: 999 });
    assert.throws(
      () => resolveGroups(rootfs, ["nope"]),
      { message: "no group nope in /etc/group of the root filesystem" },
    );
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD);
    Deno.writeTextFileSync(`${rootfs}/etc/group`, GROUP + large);
    for (const text of ["ann", "1000", "5:docker"]) {
      assert.throws(() => resolveUser(rootfs, text), /etc\/group .* is larger than .* not read/);
    }
    assert.throws(() => resolveGroups(rootfs, ["nope"]), /is larger than/);
    assert.deepEqual(resolveUser(rootfs, "ann:7"), { uid: 1000, gid: 7 });
    assert.deepEqual(resolveUser(rootfs, "5:6"), { uid: 5, gid: 6 });
  }));

Deno.test("resolveUser: a passwd file that is none is not waited for", () =>
  inRootfs((rootfs) => {
    for (const file of ["passwd", "group"]) mkfifo(`${rootfs}/etc/${file}`);
    assert.throws(() => resolveUser(rootfs, "ann"), InvalidParamsError);
    assert.deepEqual(resolveUser(rootfs, "4242"), { uid: 4242, gid: 0 });
  }));

Deno.test("resolveUser: a symlink in the rootfs does not lead to the host's passwd file", () =>
  inRootfs((rootfs) => {
    for (const link of ["/etc/passwd", "../../../../../../etc/passwd", "/loop/passwd"]) {
      Deno.symlinkSync(link, `${rootfs}/etc/passwd`);
      assert.throws(() => resolveUser(rootfs, "root"), InvalidParamsError, link);
      Deno.removeSync(`${rootfs}/etc/passwd`);
    }
    Deno.mkdirSync(`${rootfs}/usr`);
    Deno.writeTextFileSync(`${rootfs}/usr/users`, PASSWD);
    Deno.symlinkSync("/../usr/users", `${rootfs}/etc/passwd`);
    assert.equal(resolveUser(rootfs, "ann").uid, 1000);
  }));

Deno.test("checkUserFiles: a FIFO that the runtime would wait for is refused, also behind a link", () =>
  inRootfs((rootfs) => {
    checkUserFiles(rootfs);
    Deno.writeTextFileSync(`${rootfs}/etc/passwd`, PASSWD);
    checkUserFiles(rootfs);
    mkfifo(`${rootfs}/pipe`, 0o600);
    Deno.symlinkSync("/pipe", `${rootfs}/etc/group`);
    assert.throws(() => checkUserFiles(rootfs), /\/etc\/group of the root filesystem is a FIFO/);
  }));

Deno.test("checkUserFiles: a directory and a device are refused, but not /dev/null nor what a layer removes", () =>
  inRootfs((rootfs) => {
    const passwd = `${rootfs}/etc/passwd`;
    Deno.mkdirSync(passwd);
    assert.throws(() => checkUserFiles(rootfs), /\/etc\/passwd of the root .* is a directory/);
    Deno.removeSync(passwd);
    Deno.mkdirSync(`${rootfs}/dev`);
    Deno.symlinkSync("/dev/users", passwd);
    checkUserFiles(rootfs);
    for (const device of ["c 1 5", "c 5 0", "b 7 0"]) {
      makeNode(`${rootfs}/dev/users`, device);
      assert.throws(() => checkUserFiles(rootfs), /is a device/, device);
    }
    for (const device of ["c 1 3", "c 0 0"]) {
      makeNode(`${rootfs}/dev/users`, device);
      checkUserFiles(rootfs);
    }
  }));

/** Makes a device node in the place of what is there. */
function makeNode(path: string, device: string): void {
  const args = [path, ...device.split(" ")];
  new Deno.Command("rm", { args: ["-f", path] }).outputSync();
  const { success, stderr } = new Deno.Command("mknod", { args }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
}
