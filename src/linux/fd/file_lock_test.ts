// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FileLock } from "./file_lock.ts";
import { ENOENT, isErrno } from "../libc/errno.ts";

Deno.test("FileLock: a lock is had once, and again when it was released", () => {
  using temp = new TempDir();
  const directory = temp.path;
  const path = `${directory}/berth.lock`;
  {
    using lock = FileLock.tryLock(path);
    assert.ok(lock !== undefined);
    assert.equal(FileLock.tryLock(path), undefined);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  }
  using again = FileLock.tryLock(path);
  assert.ok(again !== undefined);
});

Deno.test("FileLock: a lock goes with its process, killed or not", async () => {
  using temp = new TempDir();
  const directory = temp.path;
  const path = `${directory}/berth.lock`;
  const program = `
    import { FileLock } from ${JSON.stringify(import.meta.resolve("./file_lock.ts"))};
    globalThis.lock = FileLock.tryLock(${JSON.stringify(path)});
    console.log(lock !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "true\n");
  assert.equal(FileLock.tryLock(path), undefined);
  holder.kill("SIGKILL");
  await holder.status;
  await reader.cancel();
  using lock = FileLock.tryLock(path);
  assert.ok(lock !== undefined);
});

Deno.test("FileLock: a lock in a missing directory is an error, not a lock held by another", () => {
  assert.throws(() => FileLock.tryLock("/nowhere/lock"), (error) => isErrno(error, ENOENT));
});

Deno.test("FileLock: a shared lock is had by several, and waits for one that is held alone", async () => {
  using temp = new TempDir();
  const directory = temp.path;
  const path = `${directory}/berth.lock`;
  const alone = await FileLock.lock(path);
  const waiting = FileLock.lock(path, { shared: true });
  assert.equal(FileLock.tryLock(path, { shared: true }), undefined);
  alone[Symbol.dispose]();
  using _first = await waiting;
  using _second = await FileLock.lock(path, { shared: true });
  const signal = AbortSignal.timeout(50);
  await assert.rejects(FileLock.lock(path, { signal }), (error) => error === signal.reason);
});
