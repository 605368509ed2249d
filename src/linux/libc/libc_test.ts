// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EBADF, EINVAL, isErrno } from "./errno.ts";
import { addressOf, check, cstring, cstringArray, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({ close: { parameters: [/* int fd */ "i32"], result: "i32" } });

Deno.test("errno is that of the call just made", () => {
  assert.equal(libc().close(-1), -1);
  assert.equal(errno(), EBADF);
  assert.throws(() => check(libc().close(-1), "close", "fd -1"), {
    name: "LinuxError",
    message: "close fd -1: EBADF (bad file descriptor)",
  });
});

Deno.test("cstring: a C string with a NUL inside is refused, not cut short", () => {
  assert.deepEqual([...cstring("é")], [0xc3, 0xa9, 0]);
  assert.throws(() => cstring("/etc\0/x"), (error) => isErrno(error, EINVAL));
});

Deno.test("cstringArray: an array of C strings ends in NULL and points into its own block", () => {
  const block = cstringArray(["ab", "", "c"]);
  const pointers = new BigUint64Array(block.buffer, 0, 4);
  const base = addressOf(block);
  assert.deepEqual([...pointers].map((each) => each === 0n ? each : each - base), [
    32n,
    35n,
    36n,
    0n,
  ]);
  assert.equal(new TextDecoder().decode(block.subarray(32)), "ab\0\0c\0");
});
