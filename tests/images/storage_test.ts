// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { StandIn } from "../harness/stand_in.ts";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { mount } from "../../src/linux/mount/mount.ts";
import { cli, cliCommand } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  ok,
  PausedSkopeo,
  startForImages,
} from "../harness/images/images.ts";
import { until } from "../harness/poll.ts";
import { killIfThere, processesOf, signalChild } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";
import { namesIn } from "../harness/leaks/traces.ts";

/**
 * What the store holds beside whole images: files of pulls, layers, links to them. A pull that was
 * killed early has made no directories yet.
 */
function leftIn(daemon: TestDaemon) {
  const storage = `${daemon.root}/images/storage`;
  return {
    temporary: namesIn(`${daemon.root}/images/tmp`).length,
    layers: layersOf(daemon),
    directories: namesIn(`${storage}/overlay`).filter((name) => name !== "l" && name[0] !== ".")
      .length,
    links: namesIn(`${storage}/overlay/l`).length,
  };
}

const NOTHING = { temporary: 0, layers: 0, directories: 0, links: 0 };

/** How many layers the store knows. */
function layersOf(daemon: TestDaemon): number {
  try {
    const path = `${daemon.root}/images/storage/overlay-layers/layers.json`;
    return JSON.parse(Deno.readTextFileSync(path)).length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/**
 * Starts a command and kills it, with the skopeo that it runs, once `reached`. Returns whether it was
 * killed before it ended by itself.
 */
async function killWhen(daemon: TestDaemon, args: string[], reached: () => boolean) {
  const child = cliCommand(daemon, args, { stdout: "null", stderr: "null" }).spawn();
  let ended = false;
  const status = child.status.then(() => ended = true);
  const skopeos = () =>
    processesOf(baseName(daemon.dir)).filter(({ command }) =>
      /^((\S*\/)?skopeo |storage-)/.test(command)
    );
  await until("the moment", () => ended || (skopeos().length > 0 && reached()));
  const killed = !ended;
  signalChild(child, "SIGKILL");
  await status;
  await until("the end of skopeo", () => {
    killIfThere(...skopeos().map(({ pid }) => pid));
    return skopeos().length === 0;
  });
  return killed;
}

/** Puts a FIFO without a writer in the place of a layer, at which a pull stops until it is disposed of. */
async function stopAt(image: string, layer: string): Promise<Disposable> {
  const [digest = ""] = await digests([layer]);
  const blob = `${image.replace(/^oci:|:latest$/g, "")}/blobs/${digest.replace(":", "/")}`;
  Deno.renameSync(blob, `${blob}.kept`);
  await run(["mkfifo", blob]);
  return { [Symbol.dispose]: () => Deno.renameSync(`${blob}.kept`, blob) };
}

test("images storage: a pull and a rm that are killed at any step leave nothing after a prune, and can be done again", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir)];
  for (let n = 1; n < 6; n++) layers.push(layerOf(daemon.dir, { [`f${n}`]: `${n}` }));
  const config = { Cmd: ["sh", "-c", "cat /f1 /f5"] };
  const image = await makeImage(daemon.dir, { layers, config });
  for (const count of [0, 1, 3, 6]) {
    const layer = layers[count];
    using _stop = layer === undefined ? undefined : await stopAt(image, layer);
    const killed = await killWhen(daemon, ["pull", image], () => layersOf(daemon) >= count);
    // With all its layers a pull may end first.
    assert.ok(killed || layer === undefined, `ended by itself with ${count} layers`);
    await ok(daemon, "image", "prune", "--all");
    assert.deepEqual(leftIn(daemon), NOTHING, `killed with ${count} layers`);
  }
  {
    using _stop = await stopAt(image, layers[3] ?? "");
    await killWhen(daemon, ["pull", image], () => layersOf(daemon) >= 3);
    using used = FileLock.tryLock(`${daemon.root}/images/lock`, { shared: true });
    assert.ok(used);
    // They might be those of a pull.
    assert.deepEqual(await cli(daemon, ["image", "prune"]), {
      code: 0,
      stdout: "",
      stderr:
        "Layers that belong to no image stay while a pull or a run is under way: prune again when it has ended.\n",
    });
  }
  // The next pull needs no prune.
  const whole = () => ok(daemon, "run", "--rm", ...cgroup(daemon), image);
  assert.equal(await whole(), "15");
  for (const count of [6, 5, 2]) {
    await ok(daemon, "pull", image);
    await killWhen(daemon, ["rmi", image], () => layersOf(daemon) <= count);
    await ok(daemon, "images");
    assert.equal(await whole(), "15", `killed with ${count} layers left`);
  }
  await ok(daemon, "image", "prune", "--all");
  assert.deepEqual(leftIn(daemon), NOTHING);
});

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
  const why = /its layers are not those that its config names/;
  await refused(liar, why);
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
      assert.match(stderr, why);
      const clash = await cli(daemon, next);
      assert.equal(clash.code, 125);
      assert.match(clash.stderr, /an image of the same config that has other layers is here: /);
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
    assert.equal((await cli(daemon, ["pull", liar])).code, 125);
    const { code, stdout, stderr } = await cli(daemon, [
      ...["run", "--rm", "--pull", "never", ...cgroup(daemon)],
      ...[id, "cat", "/f"],
    ]);
    assert.deepEqual([code, stdout], [125, ""], stderr);
    assert.match(stderr, /its layers are not those that its config names/);
  }
  await ok(daemon, "image", "prune");
});

/** Digests of layers that {@linkcode makeImage} has packed. */
async function digests(layers: readonly string[]): Promise<string[]> {
  return await Promise.all(layers.map(async (layer) => {
    const tar = layer.endsWith(".tar") ? layer : `${layer}.tar`;
    return `sha256:${(await run(["sha256sum", tar])).slice(0, 64)}`;
  }));
}

test("images storage: a full disk ends a pull, a load and an import with an error, and nothing is half-made", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const small = await makeImage(daemon.dir, { layers: [base], config: { Cmd: ["echo", "fits"] } });
  const fat = layerOf(daemon.dir, { zeros: "0".repeat(20_000_000) });
  const large = await makeImage(daemon.dir, { layers: [base, fat] });
  const archive = `${daemon.dir}/large.tar`;
  await copyImage(large, `docker-archive:${archive}:a:1`);
  const dir = `${daemon.root}/images`;
  using disk = new SmallDisk(dir, "size=12m");
  await ok(daemon, "pull", small);
  const before = leftIn(daemon);
  for (
    const args of [
      ["pull", large],
      ["run", "--rm", ...cgroup(daemon), large, "true"],
      ["load", "-i", archive],
      ["import", `${fat}.tar`, "a"],
    ]
  ) {
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^(Pulling.*\n)?berth: .*(disk is full|no space left)/i, args.join(" "));
    assert.deepEqual(leftIn(daemon), before, args.join(" "));
  }
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), small), "fits\n");
  // Where not one byte is left, what frees some has to go on.
  for (const args of [["rmi", small], ["image", "prune", "--all"]]) {
    await ok(daemon, "pull", small);
    disk.fill();
    await ok(daemon, ...args);
    assert.deepEqual(leftIn(daemon), NOTHING, args.join(" "));
    assert.equal(await ok(daemon, "images", "-q"), "");
    disk.empty();
  }
});

test("images storage: pulls of several at once, and a pull that is killed, leave a store that works", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const images = await Promise.all(
    ["1", "2", "3", "4"].map((text) =>
      makeImage(daemon.dir, { layers: [base, layerOf(daemon.dir, { f: text })] })
    ),
  );
  await killWhen(
    daemon,
    ["pull", images[0]!],
    () =>
      processesOf(baseName(daemon.dir)).some(({ command }) =>
        command.includes("containers-storage")
      ),
  );
  await Promise.all(images.map((image) => ok(daemon, "pull", image)));
  for (const [index, image] of images.entries()) {
    const text = await ok(daemon, "run", "--rm", ...cgroup(daemon), image, "cat", "/f");
    assert.equal(text, String(index + 1));
  }
  await ok(daemon, "image", "prune", "--all");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/storage/overlay/l`)], []);
});

test("images storage: runs beside rm and prune keep their layers, and no layer is left", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { f: "kept" })];
  const image = await makeImage(daemon.dir, { layers });
  const runOne = () => cli(daemon, ["run", "--rm", ...cgroup(daemon), image, "cat", "/f"]);
  for (let round = 0; round < 2; round++) {
    const [one, two, three, ...removals] = await Promise.all([
      runOne(),
      runOne(),
      runOne(),
      cli(daemon, ["rmi", image]),
      cli(daemon, ["image", "prune", "--all"]),
      cli(daemon, ["rmi", image]),
    ]);
    for (const { code, stdout, stderr } of [one, two, three]) {
      assert.deepEqual([code, stdout], [0, "kept"], stderr);
    }
    for (const { code, stderr } of removals) {
      // It is gone already, or not there yet, or a container has it.
      assert.ok(code === 0 || /no image|used by/.test(stderr), stderr);
    }
  }
  await ok(daemon, "image", "prune", "--all");
  assert.deepEqual(leftIn(daemon), NOTHING);
});

test("images storage: what rmi leaves to a run or a create goes with its end, and no start waits for it", async () => {
  await using daemon = await startForImages();
  const { dir } = daemon;
  const base = await busyboxLayer(dir);
  const layers = [base, layerOf(dir, { f: "gone" })];
  const gone = await makeImage(dir, { layers });
  const image = await makeImage(dir, { layers: [base] });
  const marked = () => namesIn(`${daemon.root}/images/removed`).length;
  await ok(daemon, "create", ...cgroup(daemon), "--name", "taken", image, "true");
  {
    await ok(daemon, "pull", gone);
    using paused = new PausedSkopeo();
    const create = ["create", ...cgroup(daemon), "--name", "taken", image, "true"];
    const creating = cli(daemon, create, { env: paused.env });
    await until("the pull", () => paused.waits);
    assert.equal(await ok(daemon, "rmi", gone), `Untagged: ${gone}\n`);
    assert.equal(marked(), 1);
    paused.release();
    const created = await creating;
    assert.equal(created.code, 125, created.stderr);
    assert.deepEqual([marked(), layersOf(daemon)], [0, 1]);
  }
  const markGone = async () => {
    await ok(daemon, "pull", gone);
    using used = FileLock.tryLock(`${daemon.root}/images/lock`, { shared: true });
    assert.ok(used);
    await ok(daemon, "rmi", gone);
  };
  for (const detach of [["-d"], []]) {
    await markGone();
    using paused = new PausedSkopeo("delete");
    const name = `run${detach.join("")}`;
    const command = ["run", ...detach, ...cgroup(daemon), "--name", name, image, "sleep", "1000"];
    const running = cli(daemon, command, { env: paused.env });
    await until("the removal", () => paused.waits);
    const { status } = await daemon.client.call("container.state", { id: name });
    paused.release();
    await until("its end", () => marked() === 0);
    await ok(daemon, "rm", "--force", name);
    await running;
    assert.equal(status, "running", name);
    assert.equal(layersOf(daemon), 1);
  }
  // What cannot be removed of others hides nothing that a removal has done.
  await markGone();
  using skopeo = new StandIn("skopeo", "echo broken >&2\nexit 1");
  const untagged = await cli(daemon, ["rmi", "--force", image], { env: skopeo.env });
  assert.deepEqual([untagged.code, untagged.stdout], [0, `Untagged: ${image}\n`]);
  assert.match(untagged.stderr, /broken/);
});

test("images storage: an image of more layers than the kernel mounts is refused while it comes", async () => {
  await using daemon = await startForImages();
  // 501 layers take a real one long.
  using skopeo = new StandIn(
    "skopeo",
    "for n in $(seq 501); do echo Copying blob sha256:$n; done\nexec sleep 1000",
  );
  const { code, stderr } = await cli(daemon, ["pull", "example.org/deep"], { env: skopeo.env });
  assert.equal(code, 125);
  assert.match(stderr, /cannot pull example\.org\/deep:latest: it has more than 500 layers/);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
  assert.ok(!processesOf(baseName(daemon.dir)).some(({ command }) => /sleep 1000/.test(command)));
});

test("images storage: the daemon's root directory may have blanks and quotes, and no colon", async () => {
  for (const [name, works] of [[`it's "a" root`, true], ["a:b", false], ["a,b", false]] as const) {
    await using daemon = TestDaemon.prepare();
    const root = `${daemon.dir}/${name}`;
    await using own = await startForImages({ args: ["--root", root] });
    const image = await makeImage(own.dir, { layers: [await busyboxLayer(own.dir)] });
    const args = ["run", "--rm", ...cgroup(own), image, "echo", "runs"];
    const { code, stdout, stderr } = await cli(own, args);
    if (works) {
      assert.deepEqual([code, stdout], [0, "runs\n"], stderr);
      assert.ok(Deno.statSync(`${root}/images/storage`).isDirectory);
    } else {
      assert.equal(code, 125);
      assert.match(stderr, /images need a root directory of the daemon without "[:,]"/);
    }
  }
});

/** What an image must not change, nor use: it also reads as a list of users. */
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

test("images storage: what a killed command has left mounted is unmounted, not removed through", async () => {
  await using daemon = await startForImages();
  await ok(daemon, "images");
  const layer = `${daemon.dir}/layer`;
  const view = `${daemon.root}/images/tmp/left/view`;
  Deno.mkdirSync(layer);
  Deno.writeTextFileSync(`${layer}/file`, "kept");
  Deno.mkdirSync(view, { recursive: true });
  mount({ type: "bind", source: layer, target: view, options: ["bind"] });
  await ok(daemon, "images");
  assert.equal(Deno.readTextFileSync(`${layer}/file`), "kept");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
});
