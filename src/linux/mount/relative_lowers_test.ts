// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { OwnedFd } from "../fd/fd.ts";
import { readMountInfo } from "./mountinfo.ts";
import { mount } from "./mount.ts";
import { inDirectory, relativeLowers } from "./relative_lowers.ts";
import { unmount } from "./unmount.ts";
import { openView } from "./view.ts";

Deno.test("relativeLowers takes off what the lower directories have in common", () => {
  assert.deepEqual(relativeLowers("lowerdir=/a/b/1:/a/b/2,upperdir=/u"), {
    dir: "/a/b",
    data: "lowerdir=1:2,upperdir=/u",
  });
  const escaped = relativeLowers("upperdir=/u\\,v,lowerdir=/a/x\\:y:/a/z");
  assert.deepEqual(escaped, { dir: "/a", data: "upperdir=/u\\,v,lowerdir=x\\:y:z" });
  assert.deepEqual(relativeLowers("lowerdir=/a/b/12/fs:/a/b/1/fs:/a/b/1/x"), {
    dir: "/a/b",
    data: "lowerdir=12/fs:1/fs:1/x",
  });
  const none = ["", "size=1", "lowerdir=/a/b", "lowerdir=/a/1:/b/2", "lowerdir=a/1:a/2"];
  for (const data of none) assert.equal(relativeLowers(data), undefined, data);
});

Deno.test("inDirectory changes the working directory back, also after an error", () => {
  const before = Deno.cwd();
  assert.equal(inDirectory("/proc", () => Deno.cwd()), "/proc");
  assert.throws(() =>
    inDirectory("/proc", () => {
      throw new Error("no");
    })
  );
  assert.equal(Deno.cwd(), before);
});

/** Runs `use` with an overlay of `count` layers, each with a file of its own. */
function withLayers(count: number, use: (options: string[], dir: string) => void) {
  const dir = Deno.makeTempDirSync({ prefix: "berth-layers-" });
  try {
    mount({ type: "tmpfs", target: dir });
    const lowers = Array.from({ length: count }, (_, n) => {
      const lower = `${dir}/${"l".repeat(24)}${n}`;
      Deno.mkdirSync(lower);
      Deno.writeTextFileSync(`${lower}/f${n}`, "");
      return lower;
    });
    Deno.mkdirSync(`${dir}/m`);
    use([`lowerdir=${lowers.join(":")}`], dir);
  } finally {
    unmount(dir, { detach: true });
    Deno.removeSync(dir);
  }
}

Deno.test("mount takes an overlay of 120 layers, whose options are longer than a page", () => {
  withLayers(120, (options, dir) => {
    mount({ type: "overlay", target: `${dir}/m`, options });
    assert.equal([...Deno.readDirSync(`${dir}/m`)].length, 120);
    unmount(`${dir}/m`);
  });
});

Deno.test("openView shows a mount through its fd alone", () => {
  withLayers(3, (options, dir) => {
    const before = readMountInfo().length;
    {
      using view: OwnedFd = openView({ type: "overlay", options }, `${dir}/m`);
      const names = [...Deno.readDirSync(`/proc/self/fd/${view.fd}`)].map(({ name }) => name);
      assert.deepEqual(names.sort(), ["f0", "f1", "f2"]);
      assert.equal(readMountInfo().length, before);
      assert.deepEqual([...Deno.readDirSync(`${dir}/m`)], []);
    }
  });
});
