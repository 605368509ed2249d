// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EAGAIN, ENOENT, errnoMessage, errnoName, isErrno, LinuxError } from "./errno.ts";

Deno.test("an error names the call, what it was given and why it failed", () => {
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

Deno.test("an errno that is not in the table still has a name and a message", () => {
  assert.equal(errnoName(4095), "E4095");
  assert.equal(errnoMessage(4095), "unknown error 4095");
});

Deno.test("isErrno tells system call errors by number", () => {
  assert.ok(isErrno(new LinuxError(ENOENT, "open"), EAGAIN, ENOENT));
  assert.ok(!isErrno(new LinuxError(ENOENT, "open"), EAGAIN));
  assert.ok(!isErrno(new Error("ENOENT"), ENOENT));
});
