// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { mount } from "../../linux/mount/mount.ts";
import { unmount } from "../../linux/mount/unmount.ts";
import { SkopeoMissingError } from "../errors.ts";
import { removeMarked, removeRefused, removeUnusable } from "./leftovers.ts";
import { removeImage } from "./remove.ts";
import { ImageStore } from "../store/image_store.ts";

/** Fills the filesystem of a file to the last byte. */
function fill(path: string): void {
  for (const size of [64 * 1024, 4096, 1]) {
    try {
      for (;;) Deno.writeFileSync(path, new Uint8Array(size), { append: true });
    } catch (error) {
      if (!isExhausted(error)) throw error;
    }
  }
}

/** Puts images without layers into the list of containers-storage. */
function putImages(store: ImageStore, ids: readonly string[]): void {
  const lists = `${store.dir}/storage/overlay-images`;
  Deno.mkdirSync(lists, { recursive: true });
  const images = ids.map((id) => ({ id, digest: "sha256:0" }));
  Deno.writeTextFileSync(`${lists}/images.json`, JSON.stringify(images));
}

Deno.test("removeImage: without room for the list of names, the image goes first and makes some", async () => {
  const dir = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  mount({ type: "tmpfs", target: dir, options: ["size=2m", "mode=755"] });
  try {
    const store = ImageStore.open(dir);
    const id = "ab".repeat(32);
    putImages(store, [id]);
    await store.names.set(["docker.io/library/a:latest"], id);
    // It removes the layers.
    const skopeo = `#!/bin/sh\n[ "$1" = delete ] && rm ${dir}/layer\n`;
    Deno.writeTextFileSync(`${dir}/skopeo`, skopeo, { mode: 0o755 });
    Deno.env.set("PATH", `${dir}:${path}`);
    store.reserve.spend();
    fill(`${dir}/layer`);
    const removed = await removeImage(store, { alone: true }, "a", new Map());
    assert.deepEqual(removed, { names: ["docker.io/library/a:latest"], ids: [id], later: [] });
    assert.deepEqual(store.names.list(), []);
  } finally {
    Deno.env.set("PATH", path);
    unmount(dir, { detach: true });
    Deno.removeSync(dir);
  }
});

Deno.test("removeUnusable: says how many layers it is about to remove, and nothing where there are none", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = Deno.env.get("PATH") ?? "";
  try {
    const store = ImageStore.open(dir);
    const lists = `${store.dir}/storage/overlay-layers`;
    Deno.mkdirSync(lists, { recursive: true });
    const skopeo = `#!/bin/sh\necho "[]" >${lists}/layers.json\n`;
    Deno.writeTextFileSync(`${dir}/skopeo`, skopeo, { mode: 0o755 });
    Deno.env.set("PATH", `${dir}:${path}`);
    const layers = [{ id: "aa", "diff-digest": "sha256:0" }, { id: "bb", parent: "aa" }];
    Deno.writeTextFileSync(`${lists}/layers.json`, JSON.stringify(layers));
    // As a kill leaves it.
    Deno.writeTextFileSync(`${lists}/.tmp-layers.json123`, "[");
    const [there, gone] = ["ab".repeat(32), "cd".repeat(32)];
    putImages(store, [there]);
    await store.names.set(["docker.io/library/a:latest"], there);
    const images = `${store.dir}/storage/overlay-images`;
    for (const id of [there, gone]) Deno.mkdirSync(`${images}/${id}`);
    const told: number[] = [];
    const options = { onLayers: (count: number) => told.push(count) };
    for (const _ of [1, 2]) assert.ok(await removeUnusable(store, nobody, options));
    assert.deepEqual(told, [2]);
    assert.deepEqual([...Deno.readDirSync(lists)].map(({ name }) => name), ["layers.json"]);
    const left = [...Deno.readDirSync(images)].map(({ name }) => name).sort();
    assert.deepEqual(left, [there, "images.json"]);
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("removeImage: without skopeo the image keeps its name", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = Deno.env.get("PATH") ?? "";
  try {
    const store = ImageStore.open(dir);
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
  const store = ImageStore.open(dir);
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
  const dir = temp.path;
  const path = Deno.env.get("PATH") ?? "";
  try {
    const store = ImageStore.open(dir);
    const ids = ["ab".repeat(32), "cd".repeat(32)] as const;
    putImages(store, ids);
    const skopeo = `#!/bin/sh\ncase "$*" in *${ids[0]}*) echo broken >&2; exit 1;; esac\n`;
    Deno.writeTextFileSync(`${dir}/skopeo`, skopeo, { mode: 0o755 });
    Deno.env.set("PATH", `${dir}:${path}`);
    for (const image of store.graph.images()) store.marks.add(image.id);
    await use(store, ids);
  } finally {
    Deno.env.set("PATH", path);
  }
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
