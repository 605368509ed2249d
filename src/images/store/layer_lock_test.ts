// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { LayerLock } from "./layer_lock.ts";

Deno.test("LayerLock.aloneIfFree: has the store alone after one who had it alone", async () => {
  const path = Deno.makeTempFileSync();
  try {
    const other = FileLock.tryLock(path);
    assert.ok(other);
    using lock = await new LayerLock(path).aloneIfFree(
      () => other[Symbol.dispose](),
      new AbortController().signal,
    );
    assert.equal(lock.alone, true);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("LayerLock.aloneIfFree: the wait for one who has it alone is ended by the signal", async () => {
  const path = Deno.makeTempFileSync();
  try {
    using other = FileLock.tryLock(path);
    assert.ok(other);
    const gone = new AbortController();
    const wait = new LayerLock(path).aloneIfFree(
      () => setTimeout(() => gone.abort(new Error("gone")), 50),
      gone.signal,
    );
    await assert.rejects(wait, /gone/);
  } finally {
    Deno.removeSync(path);
  }
});
