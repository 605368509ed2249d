// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { digests, leftIn, NOTHING } from "../harness/images/store.ts";

/** What is said of an image whose layers are not those of its config. */
const LYING = /its layers are not those that its config names|does not match config's DiffID/;

/** Whether such an image came into the store: a newer skopeo (seen: 1.18) refuses it by itself. */
function isStored(stderr: string): boolean {
  return !stderr.includes("does not match config's DiffID");
}

test("images storage: an image that is refused after it was stored leaves nothing, nor does its lie a layer", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir)];
  const refused = async (image: string, pattern: RegExp) => {
    for (const args of [["pull", image], ["run", "--rm", ...cgroup(daemon), image, "true"]]) {
      const { code, stderr } = await cli(daemon, args);
      assert.equal(code, 125);
      assert.match(stderr, pattern);
      assert.equal(await ok(daemon, "images", "-q"), "");
      assert.deepEqual(leftIn(daemon), NOTHING);
    }
  };
  await refused(
    await makeImage(daemon.dir, { layers, os: "plan9" }),
    /is for plan9, not for linux/,
  );
  // A layer that says to be another one must not be taken for that later.
  const good = layerOf(daemon.dir, { f: "good" });
  const evil = layerOf(daemon.dir, { f: "evil" });
  const honest = await makeImage(daemon.dir, { layers: [...layers, good] });
  const claims = await digests([...layers, good]);
  const liar = await makeImage(daemon.dir, { layers: [...layers, evil], diffIds: claims });
  await refused(liar, LYING);
  const prints = ["run", "--rm", ...cgroup(daemon), honest, "cat", "/f"];
  assert.equal(await ok(daemon, ...prints), "good");
  // While others use the store nothing can be removed; its config is that of the honest one.
  for (const next of [prints, ["pull", honest]]) {
    await ok(daemon, "image", "prune", "--all");
    {
      using used = FileLock.tryLock(`${daemon.root}/images/lock`, { shared: true });
      assert.ok(used);
      const { code, stderr } = await cli(daemon, ["pull", liar]);
      assert.equal(code, 125);
      assert.match(stderr, LYING);
      if (isStored(stderr)) {
        const clash = await cli(daemon, next);
        assert.equal(clash.code, 125);
        assert.match(clash.stderr, /an image of the same config that has other layers is here: /);
      }
    }
    await ok(daemon, ...next);
  }
});

test("images storage: an image that is refused cannot be run by its id while it is still there", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const good = layerOf(daemon.dir, { f: "good" });
  const evil = layerOf(daemon.dir, { f: "evil" });
  const honest = await makeImage(daemon.dir, { layers: [base, good] });
  const claims = await digests([base, good]);
  const liar = await makeImage(daemon.dir, { layers: [base, evil], diffIds: claims });
  await ok(daemon, "pull", honest);
  const id = (await ok(daemon, "images", "-q", "--no-trunc")).trim();
  await ok(daemon, "rmi", id);
  {
    using used = FileLock.tryLock(`${daemon.root}/images/lock`, { shared: true });
    assert.ok(used);
    const pulled = await cli(daemon, ["pull", liar]);
    assert.equal(pulled.code, 125);
    const { code, stdout, stderr } = await cli(daemon, [
      ...["run", "--rm", "--pull", "never", ...cgroup(daemon)],
      ...[id, "cat", "/f"],
    ]);
    assert.deepEqual([code, stdout], [125, ""], stderr);
    assert.match(stderr, isStored(pulled.stderr) ? LYING : /^berth: no image .* here\n$/);
  }
  await ok(daemon, "image", "prune");
});

/** The content of a file that no image may change or use: it also reads as a list of users. */
const KEPT = "kept:x:0:0:::\n";

test("images storage: a hostile image leaves nothing outside of its layers", async () => {
  await using daemon = await startForImages();
  const outside = `${daemon.dir}/outside`;
  Deno.mkdirSync(outside);
  Deno.writeTextFileSync(`${outside}/kept`, KEPT);
  const up = "../".repeat(20);
  // Python's tarfile writes what GNU tar would refuse to.
  const script = `
import io, sys, tarfile
def add(t, name, kind=tarfile.REGTYPE, link="", data=b"evil"):
    i = tarfile.TarInfo(name); i.type = kind; i.linkname = link
    i.size = len(data) if kind == tarfile.REGTYPE else 0
    t.addfile(i, io.BytesIO(data) if i.size else None)
out, where, what = sys.argv[1:4]
with tarfile.open(out, "w") as t:
    S, H = tarfile.SYMTYPE, tarfile.LNKTYPE
    if what == "dotdot": add(t, where + "/evil")
    if what == "absolute": add(t, "/" + where.lstrip("./") + "/evil")
    if what == "symlink": add(t, "d", S, "/" + where.lstrip("./")); add(t, "d/evil")
    if what == "symlink-up": add(t, "d", S, where); add(t, "d/evil")
    if what == "symlink-file": add(t, "f", S, where + "/kept"); add(t, "f", data=b"evil")
    if what == "hardlink": add(t, "h", H, where + "/kept"); add(t, "h", data=b"evil")
    if what == "whiteout": add(t, "d", S, where); add(t, "d/.wh.kept", data=b"")
    if what == "opaque": add(t, "d", S, where); add(t, "d/.wh..wh..opq", data=b"")
    if what == "whiteout-up": add(t, where + "/.wh.kept", data=b"")
    if what == "wh-dots": add(t, ".wh...", data=b"")
    if what == "dev": add(t, "dev", S, where)
    if what == "root-link": add(t, ".", S, where); add(t, "./evil")
    if what == "device":
        i = tarfile.TarInfo("sda"); i.type = tarfile.BLKTYPE; i.devmajor = 8; t.addfile(i)
    if what == "redirect":
        i = tarfile.TarInfo("r"); i.type = tarfile.DIRTYPE
        i.pax_headers = {"SCHILY.xattr.trusted.overlay.redirect": "/" + where}; t.addfile(i)
    if what == "redirect-etc":
        i = tarfile.TarInfo("etc"); i.type = tarfile.DIRTYPE
        i.pax_headers = {"SCHILY.xattr.trusted.overlay.redirect": "/" + where}; t.addfile(i)
    if what == "many":
        for n in range(10000): add(t, "many/%d" % n, data=b"")
    if what == "fifo-passwd":
        i = tarfile.TarInfo("etc/passwd"); i.type = tarfile.FIFOTYPE; t.addfile(i)
    if what in ("across-file", "across-whiteout", "across-opaque"): add(t, "d", S, where)
    if what == "across-hardlink": add(t, "s", S, where + "/kept")
    if what == "link-hardlink": add(t, "s", S, where + "/kept"); add(t, "h", H, "s"); add(t, "h")
    if what in ("volume", "workdir"): add(t, "d", S, where)
    if what == "passwd": add(t, "etc/passwd", S, where + "/kept")
    if what == "etc":
        for n in ("hosts", "hostname", "resolv.conf"): add(t, "etc/" + n, S, where + "/" + n)
with tarfile.open(out + ".2", "w") as t:
    if what == "across-file": add(t, "d/evil")
    if what == "across-whiteout": add(t, "d/.wh.kept", data=b"")
    if what == "across-opaque": add(t, "d/.wh..wh..opq", data=b"")
    if what == "across-hardlink": add(t, "h", H, "s"); add(t, "h")
if what == "bomb":
    import gzip
    with gzip.open(out, "wb") as z, tarfile.open(fileobj=z, mode="w") as t:
        i = tarfile.TarInfo("fat"); i.size = 100000000
        class Zeros:
            def read(self, n): return bytes(n)
        t.addfile(i, Zeros())
`;
  const shapes: readonly (readonly [string, Record<string, unknown>?])[] = [
    ...[["dotdot"], ["absolute"], ["symlink"], ["symlink-up"], ["symlink-file"], ["hardlink"]],
    ...[["whiteout"], ["opaque"], ["whiteout-up"], ["wh-dots"], ["root-link"], ["device"]],
    ...[["redirect"], ["redirect-etc"], ["many"], ["bomb"], ["fifo-passwd"], ["link-hardlink"], [
      "dev",
    ]],
    ...[["across-file"], ["across-whiteout"], ["across-opaque"], ["across-hardlink"], ["etc"]],
    ["volume", { Volumes: { "/d": {}, "/d/deeper": {} } }],
    ["workdir", { WorkingDir: "/d/made" }],
    ["passwd", { User: "kept" }],
  ] as const;
  const base = await busyboxLayer(daemon.dir);
  for (const [shape, config = {}] of shapes) {
    const tar = `${daemon.dir}/${shape}.tar`;
    await run(["python3", "-c", script, tar, `${up}${outside.slice(1)}`, shape]);
    const layers = [base, tar, ...shape.startsWith("across") ? [`${tar}.2`] : []];
    const image = await makeImage(daemon.dir, { layers, config });
    const pulled = await cli(daemon, ["pull", image]);
    if (pulled.code === 0) {
      const script = "ls /r /d; echo evil > /d/evil; rm /d/kept; echo evil > /h; echo > /etc/hosts";
      const { code, stderr } = await cli(daemon, [
        ...["run", "--rm", ...cgroup(daemon), image],
        ...["sh", "-c", script],
      ]);
      assert.doesNotMatch(stderr, /\/proc\/self\/fd/, shape);
      if (shape === "fifo-passwd") assert.match(`${code} ${stderr}`, /^125 .*is a FIFO/s);
      if (shape === "dev") assert.match(`${code} ${stderr}`, /^125 .*\/dev .*symbolic link/s);
      // The names of users are the image's own.
      if ("User" in config) assert.match(`${code} ${stderr}`, /^125 .*no user/s, shape);
    }
    const names = [...Deno.readDirSync(outside)].map(({ name }) => name);
    assert.deepEqual(names, ["kept"], shape);
    assert.equal(Deno.readTextFileSync(`${outside}/kept`), KEPT, shape);
  }
  await ok(daemon, "image", "prune", "--all");
}, "python3");
