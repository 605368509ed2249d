// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { StandIn } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { SkopeoMissingError } from "../image_errors.ts";
import { removeMarked, removeRefused, removeUnusable } from "./leftovers.ts";
import { removeImage } from "./remove.ts";
import { ImageStore } from "../store/image_store.ts";

/** Puts images without layers into the list of containers-storage. */
function putImages(store: ImageStore, ids: readonly string[]): void {
  const lists = `${store.dir}/storage/overlay-images`;
  Deno.mkdirSync(lists, { recursive: true });
  const images = ids.map((id) => ({ id, digest: "sha256:0" }));
  Deno.writeTextFileSync(`${lists}/images.json`, JSON.stringify(images));
}

Deno.test("removeImage: without room for the list of names, the image goes first and makes some", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using disk = new SmallDisk(dir, "size=2m");
  const store = await ImageStore.open(dir);
  const id = "ab".repeat(32);
  putImages(store, [id]);
  await store.names.set(["docker.io/library/a:latest"], id);
  // It removes the layers.
  using _skopeo = StandIn.forThisProcess("skopeo", `[ "$1" = delete ] && rm ${dir}/layer`);
  store.reserve.spend();
  disk.fill(0, `${dir}/layer`);
  const removed = await removeImage(store, { alone: true }, "a", new Map());
  assert.deepEqual(removed, { names: ["docker.io/library/a:latest"], ids: [id], later: [] });
  assert.deepEqual(store.names.list(), []);
});

Deno.test("removeUnusable: says how many layers it is about to remove, and nothing where there are none", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const store = await ImageStore.open(dir);
  const lists = `${store.dir}/storage/overlay-layers`;
  Deno.mkdirSync(lists, { recursive: true });
  using _skopeo = StandIn.forThisProcess("skopeo", `echo "[]" >${lists}/layers.json`);
  const layers = [{ id: "aa", "diff-digest": "sha256:0" }, { id: "bb", parent: "aa" }];
  Deno.writeTextFileSync(`${lists}/layers.json`, JSON.stringify(layers));
  // As a kill leaves it.
  Deno.writeTextFileSync(`${lists}/.tmp-layers.json123`, "[");
  const [there, gone] = ["ab".repeat(32), "cd".repeat(32)];
  putImages(store, [there]);
  await store.names.set(["docker.io/library/a:latest"], there);
  const images = `${store.dir}/storage/overlay-images`;
  for (const id of [there, gone]) Deno.mkdirSync(`${images}/${id}`);
  Deno.writeTextFileSync(`${images}/${there}/.tmp-manifest123`, "{");
  const told: number[] = [];
  const options = { onLayers: (count: number) => told.push(count) };
  for (const _ of [1, 2]) assert.ok(await removeUnusable(store, nobody, options));
  assert.deepEqual(told, [2]);
  assert.deepEqual([...Deno.readDirSync(lists)].map(({ name }) => name), ["layers.json"]);
  const left = [...Deno.readDirSync(images)].map(({ name }) => name).sort();
  assert.deepEqual(left, [there, "images.json"]);
  assert.deepEqual([...Deno.readDirSync(`${images}/${there}`)], []);
});

Deno.test("removeImage: without skopeo the image keeps its name", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = Deno.env.get("PATH") ?? "";
  try {
    const store = await ImageStore.open(dir);
    const id = "ab".repeat(32);
    putImages(store, [id]);
    await store.names.set(["docker.io/library/a:latest"], id);
    Deno.env.set("PATH", dir);
    for (const alone of [true, false]) {
      await assert.rejects(removeImage(store, { alone }, "a", new Map()), SkopeoMissingError);
    }
    assert.equal(store.names.list().length, 1);
    assert.deepEqual(store.marks.list(), []);
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("removeImage: what force would remove of an image in use is told, one name or several", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const store = await ImageStore.open(dir);
  const id = "ab".repeat(32);
  putImages(store, [id]);
  const used = new Map([[id, ["web"]]]);
  for (const [name, told] of [["a", "its name"], ["b", "its names"]]) {
    await store.names.set([`docker.io/library/${name}:latest`], id);
    const removed = removeImage(store, { alone: true }, id, used);
    await assert.rejects(removed, new RegExp(`; --force removes only ${told}$`));
  }
});

/** Runs `use` with a store of two marked images, of which skopeo cannot remove the first. */
async function withMarked(
  use: (store: ImageStore, ids: readonly [string, string]) => Promise<void>,
): Promise<void> {
  using temp = new TempDir();
  const store = await ImageStore.open(temp.path);
  const ids = ["ab".repeat(32), "cd".repeat(32)] as const;
  putImages(store, ids);
  const script = `case "$*" in *${ids[0]}*) echo broken >&2; exit 1;; esac`;
  using _skopeo = StandIn.forThisProcess("skopeo", script);
  for (const image of store.graph.images()) store.marks.add(image.id);
  await use(store, ids);
}

const nobody = () => Promise.resolve(new Map());

Deno.test("removeMarked: an image that cannot be removed stays marked, and keeps no other one", () =>
  withMarked(async (store, [bad, good]) => {
    const gone: string[] = [];
    await assert.rejects(removeMarked(store, nobody, (id) => gone.push(id)), /broken/);
    assert.deepEqual(gone, [good]);
    assert.deepEqual(store.marks.list(), [bad]);
  }));

Deno.test("removeMarked: waits a moment for those who only look at images", () =>
  withMarked(async (store, [bad, good]) => {
    store.marks.remove(bad);
    const look = FileLock.tryLock(`${store.dir}/lock`, { shared: true });
    assert.ok(look);
    // It has tried once when it returns its promise.
    const removed = removeMarked(store, nobody);
    look[Symbol.dispose]();
    await removed;
    assert.deepEqual(store.marks.list(), [], good);
  }));

Deno.test("removeRefused: says whether an image was removed", () =>
  withMarked(async (store, [bad]) => {
    // Both lack their configs, which makes them such as cannot be run.
    await assert.rejects(removeRefused(store), /broken/);
    const path = `${store.dir}/storage/overlay-images/images.json`;
    const others = JSON.parse(Deno.readTextFileSync(path))
      .filter(({ id }: { id: string }) => id !== bad);
    Deno.writeTextFileSync(path, JSON.stringify(others));
    assert.equal(await removeRefused(store), true);
    Deno.writeTextFileSync(path, "[]");
    assert.equal(await removeRefused(store), false);
  }));

Deno.test("removeUnusable: what is left of pulls goes first, and no failure keeps the marked ones", () =>
  withMarked(async (store, [, good]) => {
    const gone: string[] = [], told: number[] = [];
    const layers = `${store.dir}/storage/overlay-layers`;
    Deno.mkdirSync(layers);
    Deno.writeTextFileSync(`${layers}/layers.json`, JSON.stringify([{ id: "aa" }]));
    const options = {
      onLayers: (count: number) => told.push(count),
      onRemoved: (id: string) => gone.push(id),
    };
    await assert.rejects(removeUnusable(store, nobody, options), /broken/);
    assert.deepEqual([told, gone], [[1], [good]]);
  }));
