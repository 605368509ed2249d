// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  EAGAIN,
  EBUSY,
  EMFILE,
  ENOENT,
  errnoMessage,
  errnoName,
  errnoNameOf,
  isErrno,
  isExhausted,
  LinuxError,
} from "./errno.ts";

Deno.test("LinuxError: an error names the call, what it was given and why it failed", () => {
  const error = new LinuxError(ENOENT, "mount", "/src on /dst");
  assert.equal(error.message, "mount /src on /dst: ENOENT (no such file or directory)");
  assert.equal(error.code, "ENOENT");
  assert.equal(error.errno, 2);
  assert.equal(error.syscall, "mount");
  assert.equal(
    new LinuxError(EAGAIN, "fork").message,
    "fork: EAGAIN (resource temporarily unavailable)",
  );
});

Deno.test("errnoName: an errno that is not in the table still has a name and a message", () => {
  assert.equal(errnoName(4095), "E4095");
  assert.equal(errnoMessage(4095), "unknown error 4095");
});

Deno.test("isErrno tells system call errors by number", () => {
  assert.ok(isErrno(new LinuxError(ENOENT, "open"), EAGAIN, ENOENT));
  assert.ok(!isErrno(new LinuxError(ENOENT, "open"), EAGAIN));
  assert.ok(!isErrno(new Error("ENOENT"), ENOENT));
});

Deno.test("isExhausted knows what the machine has run out of, whoever says it", () => {
  assert.ok(isExhausted(new LinuxError(EMFILE, "open")));
  assert.ok(isExhausted(Object.assign(new Error("disk full"), { code: "ENOSPC" })));
  assert.ok(isExhausted(new LinuxError(EAGAIN, "posix_spawn", "runc")), "no more processes");
  assert.ok(!isExhausted(new LinuxError(EAGAIN, "read")), "only not now");
  assert.ok(!isExhausted(new LinuxError(ENOENT, "open")));
  assert.ok(!isExhausted("ENOSPC"));
});

Deno.test("errnoNameOf knows the errors of Deno that have no code", () => {
  const quota = new Error("Disk quota exceeded (os error 122): writefile '/x'");
  const gone = new Error("No such device (os error 19): readfile '/sys/fs/cgroup/x/pids.current'");
  assert.equal(errnoNameOf(quota), "EDQUOT");
  assert.equal(errnoNameOf(gone), "ENODEV");
  assert.equal(errnoNameOf(new LinuxError(EBUSY, "mount")), "EBUSY");
  assert.equal(errnoNameOf(new Error("something else")), undefined);
  assert.equal(errnoNameOf("(os error 19)"), undefined);
  assert(isExhausted(quota) && !isExhausted(gone));
});
