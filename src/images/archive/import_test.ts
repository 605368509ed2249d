// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { DiskFullError } from "../image_errors.ts";
import { parseReference } from "../reference.ts";
import { ImageStore } from "../store/image_store.ts";
import { importTar } from "./import.ts";
import { loadArchive } from "./load.ts";

Deno.test("importTar, loadArchive: a full disk is told in words, and of which image", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using _disk = new SmallDisk(dir, "size=2m");
  const store = await ImageStore.open(dir);
  const source = () => ({
    name: "a.tar",
    content: new Blob([new Uint8Array(2 * 1024 * 1024)]).stream(),
  });
  const message = "cannot import docker.io/library/x:latest: the disk is full";
  await assert.rejects(
    importTar(store, source(), parseReference("x")),
    (error) => error instanceof DiskFullError && error.message === message,
  );
  await assert.rejects(
    loadArchive(store, source()),
    (error) =>
      error instanceof DiskFullError && error.message === "cannot load a.tar: the disk is full",
  );
  assert.deepEqual([...Deno.readDirSync(store.temporary)], []);
});
