// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type MountInfo, parseMountInfo, readMountInfo, unmountOrder } from "./mountinfo.ts";

Deno.test("parseMountInfo: a line of mountinfo is taken apart, escapes and optional fields included", () => {
  const [mount] = parseMountInfo(
    "36 35 98:0 /mnt1 /a\\040b\\134c rw,noatime shared:1 master:7 - ext3 /dev/ro\\040ot rw,errors=x\n",
  );
  assert.deepEqual(mount, {
    id: 36,
    parent: 35,
    root: "/mnt1",
    mountPoint: "/a b\\c",
    options: "rw,noatime",
    propagation: ["shared:1", "master:7"],
    fsType: "ext3",
    source: "/dev/ro ot",
    superOptions: "rw,errors=x",
  });
});

Deno.test("parseMountInfo: a mount with an empty source keeps its other fields", () => {
  const [mount] = parseMountInfo("36 35 0:5 / /x rw - tmpfs  rw,size=4k");
  assert.equal(mount?.source, "");
  assert.equal(mount?.superOptions, "rw,size=4k");
});

Deno.test("parseMountInfo: what is not a line of mountinfo is an error that shows it", () => {
  assert.throws(() => parseMountInfo("36 35 98:0 / /x rw"), /not a line of mountinfo: "36 35/);
});

Deno.test("readMountInfo: this machine's own mountinfo has a root and /proc", () => {
  const points = readMountInfo().map(({ mountPoint }) => mountPoint);
  assert.ok(points.includes("/"));
  assert.ok(points.includes("/proc"));
});

function tree(...lines: [id: number, parent: number, mountPoint: string][]) {
  return parseMountInfo(
    lines.map(([id, parent, point]) => `${id} ${parent} 0:1 / ${point} rw - tmpfs t rw`).join("\n"),
  );
}

/** Returns the mount points of mounts. */
function pointsOf(mounts: readonly MountInfo[]): string[] {
  return mounts.map(({ mountPoint }) => mountPoint);
}

Deno.test("unmountOrder: mounts come after what is mounted on them, the newest sibling first", () => {
  const mounts = tree([1, 0, "/"], [2, 1, "/d"], [3, 2, "/d/a"], [4, 3, "/d/a/b"], [5, 2, "/d/c"]);
  assert.deepEqual(pointsOf(unmountOrder(mounts, "/d")), ["/d/c", "/d/a/b", "/d/a", "/d"]);
});

Deno.test("unmountOrder: a mount stacked over another comes before what it hides", () => {
  const mounts = tree([1, 0, "/"], [2, 1, "/d"], [3, 2, "/d/a"], [4, 2, "/d"]);
  assert.deepEqual(pointsOf(unmountOrder(mounts, "/d")), ["/d", "/d/a", "/d"]);
});

Deno.test("unmountOrder: a moved mount, younger than what it stands on, still comes first", () => {
  const mounts = tree([1, 0, "/"], [2, 3, "/d/a/b"], [3, 1, "/d/a"]);
  assert.deepEqual(pointsOf(unmountOrder(mounts, "/d")), ["/d/a/b", "/d/a"]);
});

Deno.test("unmountOrder: a directory with a like name is not below", () => {
  assert.deepEqual(unmountOrder(tree([1, 0, "/"], [2, 1, "/data"]), "/d"), []);
});
