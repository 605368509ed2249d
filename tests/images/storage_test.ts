// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { StandIn } from "../harness/stand_in.ts";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { cli, cliCommand, ok } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { until } from "../harness/poll.ts";
import { killIfThere, processesOf, signalChild } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";
import { digests, layersOf, leftIn, NOTHING } from "../harness/images/store.ts";

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
    // What a killed pull has started a moment before has the store until it ends, which a prune says.
    await until("the store to be free", async () => {
      const { code, stderr } = await cli(daemon, ["image", "prune", "--all"]);
      assert.equal(code, 0, stderr);
      return !stderr.includes("prune again");
    });
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
