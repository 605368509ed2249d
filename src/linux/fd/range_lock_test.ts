// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupHierarchies } from "../cgroup/find.ts";
import { LinuxError } from "../libc/errno.ts";
import { RangeLock } from "./range_lock.ts";

const LAST = 2n ** 62n;

Deno.test("RangeLock: a byte is one holder's, other bytes are others'", () => {
  const path = Deno.makeTempFileSync();
  try {
    const first = RangeLock.tryLock(path, LAST);
    assert.ok(first);
    assert.equal(RangeLock.tryLock(path, LAST), undefined);
    using other = RangeLock.tryLock(path, LAST - 1n);
    assert.ok(other);
    first[Symbol.dispose]();
    using again = RangeLock.tryLock(path, LAST);
    assert.ok(again);
    assert.equal(Deno.statSync(path).size, 0);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("RangeLock: the files of each cgroup hierarchy can be locked", () => {
  for (const { mountPoint } of cgroupHierarchies()) {
    const path = `${mountPoint}/cgroup.procs`;
    using lock = RangeLock.tryLock(path, LAST);
    assert.ok(lock, path);
    assert.equal(RangeLock.tryLock(path, LAST), undefined, path);
  }
});

Deno.test("RangeLock: a file that is not there is an error", () => {
  assert.throws(() => RangeLock.tryLock("/nowhere/at/all", 0n), LinuxError);
});
