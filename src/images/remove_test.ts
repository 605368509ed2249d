// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isExhausted } from "../linux/libc/errno.ts";
import { mount } from "../linux/mount/mount.ts";
import { unmount } from "../linux/mount/unmount.ts";
import { SkopeoMissingError } from "./errors.ts";
import { removeImage, removeUnusable } from "./remove.ts";
import { ImageStore } from "./store.ts";

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

Deno.test("removeImage: without room for the list of names, the image goes first and makes some", async () => {
  const dir = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  mount({ type: "tmpfs", target: dir, options: ["size=2m", "mode=755"] });
  try {
    const store = ImageStore.open(dir);
    const id = "ab".repeat(32);
    const lists = `${store.dir}/storage/overlay-images`;
    Deno.mkdirSync(lists, { recursive: true });
    Deno.writeTextFileSync(`${lists}/images.json`, JSON.stringify([{ id, digest: "sha256:0" }]));
    await store.names.set(["docker.io/library/a:latest"], id);
    // It removes the layers.
    const skopeo = `#!/bin/sh\n[ "$1" = delete ] && rm ${dir}/layer\n`;
    Deno.writeTextFileSync(`${dir}/skopeo`, skopeo, { mode: 0o755 });
    Deno.env.set("PATH", `${dir}:${path}`);
    store.spendReserve();
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
  const dir = Deno.makeTempDirSync();
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
    const told: number[] = [];
    const nobody = () => Promise.resolve(new Map());
    for (const _ of [1, 2]) await removeUnusable(store, nobody, (count) => told.push(count));
    assert.deepEqual(told, [2]);
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("removeImage: without skopeo the image keeps its name", async () => {
  const dir = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  try {
    const store = ImageStore.open(dir);
    const id = "ab".repeat(32);
    const lists = `${store.dir}/storage/overlay-images`;
    Deno.mkdirSync(lists, { recursive: true });
    Deno.writeTextFileSync(`${lists}/images.json`, JSON.stringify([{ id, digest: "sha256:0" }]));
    await store.names.set(["docker.io/library/a:latest"], id);
    Deno.env.set("PATH", dir);
    for (const alone of [true, false]) {
      await assert.rejects(removeImage(store, { alone }, "a", new Map()), SkopeoMissingError);
    }
    assert.equal(store.names.list().length, 1);
    assert.deepEqual(store.marked(), []);
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(dir, { recursive: true });
  }
});
