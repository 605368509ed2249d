// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_NONBLOCK, OwnedFd, pipe2 } from "../fd/fd.ts";
import { EAGAIN, EBADF, EINVAL, isErrno } from "./errno.ts";
import { addressOf, attempt, check, cstring, cstringArray, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({ close: { parameters: [/* int fd */ "i32"], result: "i32" } });

const readLibc = lazyLibc({
  read: {
    parameters: [/* int fd */ "i32", /* void *buf */ "buffer", /* size_t count */ "usize"],
    result: "isize",
  },
});

Deno.test("errno is that of the call just made", () => {
  assert.equal(libc().close(-1), -1);
  assert.equal(errno(), EBADF);
  assert.throws(() => check(() => libc().close(-1), "close", "fd -1"), {
    name: "LinuxError",
    message: "close fd -1: EBADF (bad file descriptor)",
  });
});

Deno.test("attempt: an EAGAIN that a signal's handler leaves is not taken for the call's own", () => {
  const { read, write } = pipe2(O_NONBLOCK);
  using empty = new OwnedFd(read);
  using _writing = new OwnedFd(write);
  let calls = 0;
  const result = attempt(() => {
    const closed = libc().close(-1);
    // In place of a handler that finds its pipe full: a signal cannot be had at the right moment.
    if (calls++ === 0) readLibc().read(empty.fd, new Uint8Array(1), 1n);
    return closed;
  });
  assert.deepEqual([calls, result], [2, -EBADF]);
});

Deno.test("attempt: an EAGAIN that is the call's own is returned", () => {
  const { read, write } = pipe2(O_NONBLOCK);
  using reading = new OwnedFd(read);
  using _writing = new OwnedFd(write);
  let calls = 0;
  const result = attempt(() => {
    calls++;
    return Number(readLibc().read(reading.fd, new Uint8Array(1), 1n));
  });
  assert.equal(result, -EAGAIN);
  assert.equal(calls, 3);
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
