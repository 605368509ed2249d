// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EAGAIN, EBADF, EINVAL, ENOENT, isErrno } from "../libc/errno.ts";
import * as fd from "./fd.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (string: string) => new TextEncoder().encode(string);
const flagsOf = (number: number) =>
  parseInt(
    /flags:\s+([0-7]+)/.exec(Deno.readTextFileSync(`/proc/self/fdinfo/${number}`))?.[1] ?? "",
    8,
  );

Deno.test("fd: bytes go through a pipe, and its end is seen", () => {
  const pipe = fd.pipe2(fd.O_NONBLOCK);
  using reader = new fd.OwnedFd(pipe.read);
  const buffer = new Uint8Array(16);
  {
    using writer = new fd.OwnedFd(pipe.write);
    assert.throws(() => fd.read(reader.fd, buffer), (error) => isErrno(error, EAGAIN));
    assert.equal(fd.write(writer.fd, bytes("hello")), 5);
    assert.equal(fd.read(reader.fd, buffer), 5);
    assert.equal(text(buffer.subarray(0, 5)), "hello");
  }
  assert.equal(fd.read(reader.fd, buffer), 0);
});

Deno.test("fd: open says which path failed and why", () => {
  assert.throws(() => fd.open("/nowhere/x", fd.O_RDONLY), (error) => {
    assert.ok(isErrno(error, ENOENT));
    assert.equal(error.message, "open /nowhere/x: ENOENT (no such file or directory)");
    return true;
  });
  assert.throws(() => fd.open("/dev/null\0x", fd.O_RDONLY), (error) => isErrno(error, EINVAL));
});

Deno.test("fd: fds are made CLOEXEC, except when put in the place of stdio", () => {
  using a = fd.OwnedFd.open("/dev/null", fd.O_RDWR);
  assert.ok(flagsOf(a.fd) & fd.O_CLOEXEC);
  using copy = new fd.OwnedFd(fd.dup(a.fd, 100));
  assert.ok(copy.fd >= 100);
  assert.ok(flagsOf(copy.fd) & fd.O_CLOEXEC);
  fd.dup2(a.fd, copy.fd);
  assert.ok(flagsOf(copy.fd) & fd.O_CLOEXEC);
  fd.dup2(copy.fd, copy.fd);
  assert.ok(flagsOf(copy.fd) & fd.O_CLOEXEC);
});

Deno.test("fd: a memfd is read from its start whatever its offset and length", () => {
  using memory = new fd.OwnedFd(fd.memfd("test"));
  assert.equal(fd.preadAll(memory.fd).length, 0);
  const block = new Uint8Array(100_003).map((_, index) => index % 251);
  assert.equal(fd.write(memory.fd, block), block.length);
  assert.deepEqual(fd.preadAll(memory.fd), block);
  assert.deepEqual(fd.preadAll(memory.fd, 70_000), block.subarray(70_000));
});

Deno.test("fd: preadText returns the text of a memfd without the white space around it", () => {
  using memory = new fd.OwnedFd(fd.memfd("test"));
  fd.write(memory.fd, new TextEncoder().encode("\n one é\ntwo \n"));
  assert.equal(fd.preadText(memory.fd), "one é\ntwo");
  assert.equal(fd.preadText(memory.fd, 5), "é\ntwo");
});

Deno.test("fd: writeAll goes on where a part was taken", () => {
  using memory = new fd.OwnedFd(fd.memfd("test"));
  fd.writeAll(memory.fd, bytes("hello"));
  assert.equal(fd.preadText(memory.fd), "hello");
  const pipe = fd.pipe2(fd.O_NONBLOCK);
  using reader = new fd.OwnedFd(pipe.read);
  using writer = new fd.OwnedFd(pipe.write);
  fd.setPipeSize(writer.fd, 4096);
  const large = new Uint8Array(5000);
  assert.throws(() => fd.writeAll(writer.fd, large), (error) => isErrno(error, EAGAIN));
  assert.equal(fd.read(reader.fd, large), 4096);
});

Deno.test("fd: O_NONBLOCK can be set and cleared", () => {
  const pipe = fd.pipe2();
  using reader = new fd.OwnedFd(pipe.read);
  using _writer = new fd.OwnedFd(pipe.write);
  fd.setNonblocking(reader.fd, true);
  assert.throws(() => fd.read(reader.fd, new Uint8Array(1)), (error) => isErrno(error, EAGAIN));
  fd.setNonblocking(reader.fd, false);
  assert.equal(flagsOf(reader.fd) & fd.O_NONBLOCK, 0);
});

Deno.test("fd: an owned fd is closed once, and a released one is left open", () => {
  const owned = fd.OwnedFd.open("/dev/null", fd.O_RDONLY);
  const number = owned.fd;
  owned[Symbol.dispose]();
  owned[Symbol.dispose]();
  assert.equal(owned.fd, -1);
  assert.throws(() => fd.close(number), (error) => isErrno(error, EBADF));

  let kept: number;
  {
    using other = fd.OwnedFd.open("/dev/null", fd.O_RDONLY);
    kept = other.release();
  }
  fd.close(kept);
});
