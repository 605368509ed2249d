// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { workingDirFault } from "./working_dir.ts";

Deno.test("workingDirFault: a file or a link that leads nowhere is in the way, unless a mount may be there", () => {
  using temp = new TempDir();
  const rootfs = temp.path;
  Deno.mkdirSync(`${rootfs}/srv/app`, { recursive: true });
  Deno.mkdirSync(`${rootfs}/etc`);
  for (const file of ["srv/file", "etc/file"]) Deno.writeTextFileSync(`${rootfs}/${file}`, "");
  for (
    const [link, target] of [
      ["inside", "/srv"],
      ["missing", "/data/app"],
      ["near", "not-there"],
      ["up", "../../data"],
      ["loop", "loop"],
      ["file", "/srv/file"],
      ["through", "srv/file/x"],
      ["shm", "/dev/shm"],
      ["again", "missing"],
      ["etc/link", "/data"],
    ] as const
  ) {
    Deno.symlinkSync(target, `${rootfs}/${link}`);
  }
  for (
    const args of [
      ["fifo", "p"],
      ["device", "c", "1", "5"],
      ["gone", "c", "0", "0"],
    ] as const
  ) {
    const [name, ...kind] = args;
    const made = new Deno.Command("mknod", { args: [`${rootfs}/srv/${name}`, ...kind] });
    assert.ok(made.outputSync().success, name);
  }
  const fault = (path: string, ...mounts: string[]) => workingDirFault(rootfs, path, mounts);
  const fine = [
    "/",
    "/srv",
    "/srv/app/new",
    "/new/er",
    "/inside",
    "/inside/new",
    "/shm/x",
    "/shm",
  ];
  for (const path of fine) assert.equal(fault(path), undefined, path);
  assert.equal(fault("/srv/file"), "is a file");
  assert.equal(fault("/file"), "is a file");
  assert.equal(fault("/etc/file"), "is a file");
  assert.equal(fault("/srv/file/x"), "is below /srv/file, which is a file");
  const none = ["/srv/fifo", "/srv/device"];
  for (const path of none) assert.equal(fault(path), "is no directory");
  assert.equal(fault("/srv/fifo/x"), "is below /srv/fifo, which is no directory");
  assert.equal(fault("/srv/fifo", "/srv/fifo"), undefined);
  // What the layer removes.
  for (const path of ["/srv/gone", "/srv/gone/x"]) assert.equal(fault(path), undefined);
  for (const path of ["x".repeat(256), `srv/new/${"é".repeat(128)}/x`]) {
    assert.equal(fault(`/${path}`), "has a name of more than 255 bytes");
  }
  assert.equal(fault(`/srv/${"x".repeat(255)}`), undefined);
  for (const link of ["missing", "near", "up", "loop", "through", "again", "etc/link"]) {
    const why = `leads through the link /${link}, which leads nowhere`;
    assert.equal(fault(`/${link}`), why);
    assert.equal(fault(`/${link}/new/er`), why);
    assert.equal(fault(`/srv/../${link}`, "/other"), why);
  }
  for (const path of ["/missing/x", "/up", "/again"]) {
    assert.equal(fault(path, "/data/"), undefined, path);
    assert.equal(fault(path, "/./data/app/deeper"), undefined, path);
  }
  assert.equal(fault("/srv/file/x", "/srv"), undefined);
  const volume = (at: string) => workingDirFault(rootfs, "/missing", [], [at]);
  for (const at of ["/data/app", "/data/app/deeper/", "/missing", "/missing/deeper", "/again"]) {
    assert.equal(volume(at), undefined, at);
  }
  assert.match(volume("/data") ?? "", /^leads through the link \/missing/);
});
