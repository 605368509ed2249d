// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ok } from "../harness/cli.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { leftIn, NOTHING } from "../harness/images/store.ts";

/** An image or a layer, as containers-storage lists them. */
interface Listed {
  readonly id: string;
  readonly [member: string]: unknown;
}

/** Rewrites a list of containers-storage, as it does itself; what `change` returns nothing for goes. */
function rewrite(
  daemon: TestDaemon,
  list: "images" | "layers",
  change: (entry: Listed) => Listed | undefined,
): void {
  const path = `${daemon.root}/images/storage/overlay-${list}/${list}.json`;
  const entries: Listed[] = JSON.parse(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(path, JSON.stringify(entries.map(change).filter((entry) => entry)));
}

/** Pulls an image of which berth has noted no name yet, and returns its id. */
async function pullNameless(daemon: TestDaemon, image: string): Promise<string> {
  const names = `${daemon.root}/images/names.json`;
  const before = Deno.readTextFileSync(names);
  await ok(daemon, "pull", image);
  const { id } = JSON.parse(await ok(daemon, "image", "inspect", "--json", image));
  Deno.writeTextFileSync(names, before);
  return id;
}

test("images storage: an image that a killed skopeo has not stored to the end is not listed, and goes with its layers by the next prune or pull", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const kept = await makeImage(daemon.dir, { layers: [base] });
  const layers = [base, layerOf(daemon.dir, { f: "half" })];
  // With a config that no other image has.
  const image = await makeImage(daemon.dir, { layers, config: { Cmd: ["cat", "/f"] } });
  await ok(daemon, "pull", kept);
  const before = leftIn(daemon);
  for (const next of [["image", "prune"], ["pull", kept], ["image", "prune", "--all"]]) {
    const half = await pullNameless(daemon, image);
    // Skopeo lists an image first, then stores its config, then its manifest, which gives the digest.
    rewrite(
      daemon,
      "images",
      (entry) => entry.id === half ? { id: half, layer: entry["layer"] } : entry,
    );
    assert.equal((await ok(daemon, "images", "-q")).split("\n").length, 2);
    await ok(daemon, ...next);
    const left = next.includes("--all") ? NOTHING : before;
    assert.deepEqual(leftIn(daemon), left, next.join(" "));
  }
});

test("images storage: a layer that was killed before it had noted its short link takes no other's with it, nor stays its own", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const top = layerOf(daemon.dir, { f: "kept" });
  const kept = await makeImage(daemon.dir, { layers: [base, top], config: { Cmd: ["cat", "/f"] } });
  const image = await makeImage(daemon.dir, { layers: [base, layerOf(daemon.dir, { f: "half" })] });
  await ok(daemon, "pull", kept);
  const before = leftIn(daemon);
  const checkKept = async (about: string) => {
    assert.deepEqual(leftIn(daemon), before, about);
    assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), kept), "kept", about);
  };
  const noteOf = async (name: string) => {
    const [layer] = JSON.parse(await ok(daemon, "image", "inspect", "--json", name)).layers;
    return Deno.realPathSync(layer).replace(/diff$/, "link");
  };
  for (const next of [["image", "prune"], ["pull", kept]]) {
    for (const note of ["", undefined]) {
      const half = await pullNameless(daemon, image);
      const path = await noteOf(half);
      rewrite(daemon, "images", (entry) => entry.id === half ? undefined : entry);
      rewrite(
        daemon,
        "layers",
        (entry) =>
          path.includes(entry.id)
            ? { id: entry.id, parent: entry["parent"], flags: { incomplete: true } }
            : entry,
      );
      if (note === undefined) Deno.removeSync(path);
      else Deno.writeTextFileSync(path, note);
      Deno.mkdirSync(`${daemon.root}/images/tmp/of-the-killed-pull`);
      await ok(daemon, ...next);
      await checkKept(`${next.join(" ")}, noted ${note}`);
    }
  }
  // As a loss of power leaves a layer that was stored to the end.
  await ok(daemon, "pull", image);
  Deno.truncateSync(await noteOf(image));
  await ok(daemon, "rmi", image);
  await checkKept("rmi");
  // As one of two pulls at once leaves it, if it is killed before it has noted a link.
  Deno.removeSync(`${daemon.root}/images/storage/overlay/l`, { recursive: true });
  Deno.mkdirSync(`${daemon.root}/images/tmp/of-the-killed-pull`);
  await ok(daemon, "images");
  await checkKept("lost links");
});
