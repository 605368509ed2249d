// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { checkMounts } from "./check_mounts.ts";

Deno.test("checkMounts: what would hide the kernel's files, also through a link, is refused by its name", () => {
  using temp = new TempDir();
  const rootfs = temp.path;
  for (const dir of ["etc", "srv", "dev"]) Deno.mkdirSync(`${rootfs}/${dir}`);
  for (
    const [link, target] of [
      ["loop", "loop"],
      ["null", "../dev/null"],
      ["etc/resolv.conf", "/null"],
      ["root", "/"],
      ["proc1", "/proc/1"],
      ["sys2", "/sys"],
      ["shm", "/dev/shm"],
      ["cgroup", "/sys/fs/cgroup"],
      ["missing", "/srv/new"],
    ] as const
  ) Deno.symlinkSync(target, `${rootfs}/${link}`);
  const file = `${rootfs}/srv/file`;
  Deno.writeTextFileSync(file, "");
  const bind = (destination: string, source = file) => ({
    ...{ type: "bind", source, destination, options: ["rbind"] },
  });
  const tmpfs = { type: "tmpfs", source: "tmpfs", options: [] };
  const start = `cannot mount ${file} at`;
  for (
    const [mount, message] of [
      [bind("/dev/null"), `${start} /dev/null: that has to be the null device`],
      [bind("/dev//x/../null/"), `${start} /dev//x/../null/: that has to be the null device`],
      [bind("/dev/null", "/dev/zero"), "cannot mount /dev/zero at /dev/null: that has to be"],
      [bind("/null"), `${start} /null: it leads to /dev/null, which has to be the null device`],
      [bind("/etc/resolv.conf"), `${start} /etc/resolv.conf: it leads to /dev/null, which has`],
      [{ ...tmpfs, destination: "/dev/null" }, "cannot mount a tmpfs at /dev/null: that has to"],
      [{ ...tmpfs, destination: "/loop/x" }, "a tmpfs at /loop/x: it leads through links in a"],
      [bind("/root"), `${start} /root: it leads through a link to /, where nothing can be`],
      [bind("/proc1/environ"), `${start} /proc1/environ: it leads through a link to /proc/1/en`],
      [bind("/sys2"), `${start} /sys2: it leads through a link to /sys, where nothing can be`],
    ] as const
  ) {
    assert.throws(() => checkMounts(rootfs, [mount]), (error: Error) => {
      assert.ok(error.message.includes(message), error.message);
      return true;
    });
  }
  const fine = ["/srv", "/new/er", "/shm/x", "/shm", "/cgroup", "/missing", "/missing/x", "/sys"];
  for (const destination of [...fine, "/proc/cpuinfo", "/dev", "/dev/log", "/file/x"]) {
    checkMounts(rootfs, [bind(destination)]);
  }
  checkMounts(rootfs, [bind("/dev/null", "/dev/null"), bind("/null", "/dev/null")]);
  // What is mounted there counts, not what it hides.
  checkMounts(rootfs, [bind("/etc", `${rootfs}/srv`), bind("/etc/resolv.conf")]);
  Deno.symlinkSync("/a/null", `${rootfs}/srv/link`);
  const through = [bind("/a", rootfs), bind("/b", `${rootfs}/srv`), bind("/b/link")];
  assert.throws(
    () => checkMounts(rootfs, through),
    /at \/b\/link: it leads to \/dev\/null, which/,
  );
  checkMounts(rootfs, [...through.slice(1), { ...tmpfs, destination: "/a" }]);
  // A mount whose own place is a link is where that leads.
  Deno.mkdirSync(`${rootfs}/given`);
  Deno.symlinkSync("/dev/null", `${rootfs}/given/n`);
  Deno.symlinkSync("/srv/new", `${rootfs}/lnew`);
  Deno.symlinkSync("srv/../lnew", `${rootfs}/again`);
  for (
    const [dir, below] of [
      ["/lnew", "/lnew/n"],
      ["/lnew", "/srv/new/n"],
      ["/srv/new", "/lnew/n"],
      ["/again", "/lnew/n"],
      ["/lnew", "/again/n"],
    ] as const
  ) {
    const mounts = [bind(dir, `${rootfs}/given`), bind(below)];
    assert.throws(() => checkMounts(rootfs, mounts), /it leads to \/dev\/null, which/, below);
  }
});
