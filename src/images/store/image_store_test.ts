// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { exists } from "../../linux/fs/exists.ts";
import { ImageStore } from "./image_store.ts";

Deno.test("ImageStore.open: the reserve is there whole or not at all", async () => {
  using temp = new TempDir();
  const root = temp.path;
  const reserve = `${root}/images/reserve`, filler = `${root}/filler`;
  using _disk = new SmallDisk(root, "size=2m");
  await ImageStore.open(root);
  assert.equal(Deno.statSync(reserve).size, 1024 * 1024);
  // What an earlier command has left when the disk was full.
  Deno.truncateSync(reserve, 10);
  await ImageStore.open(root);
  assert.equal(Deno.statSync(reserve).size, 1024 * 1024);
  Deno.truncateSync(reserve);
  Deno.writeFileSync(filler, new Uint8Array(1536 * 1024));
  const store = await ImageStore.open(root);
  assert.equal(exists(reserve), false);
  assert.equal(store.reserve.spend(), false);
  Deno.removeSync(filler);
  assert.equal((await ImageStore.open(root)).reserve.spend(), true);
  assert.equal(exists(reserve), false);
});

Deno.test("ImageStore.open: takes the lock alone only where files of a killed command are left", async () => {
  using temp = new TempDir();
  const root = temp.path;
  const { dir, temporary } = await ImageStore.open(root);
  assert.equal(exists(`${dir}/lock`), false);
  Deno.writeTextFileSync(`${temporary}/left`, "");
  {
    using used = FileLock.tryLock(`${dir}/lock`, { shared: true });
    assert.ok(used);
    await ImageStore.open(root);
    assert.ok(exists(`${temporary}/left`));
  }
  await ImageStore.open(root);
  assert.equal(exists(`${temporary}/left`), false);
});
