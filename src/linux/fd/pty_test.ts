// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EAGAIN, EIO, ENOTTY, isErrno } from "../libc/errno.ts";
import { O_NOCTTY, O_RDWR, OwnedFd, pipe2, read, setNonblocking, write } from "./fd.ts";
import { setRaw, setWinsize } from "./pty.ts";
import { getWinsize, openPty } from "./pty_testing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Reads so many bytes: the kernel writes a line's end, "\r\n", by itself, so it may come alone. */
function readText(fd: number, length = 1): string {
  const buffer = new Uint8Array(256);
  let text = "";
  while (text.length < length) {
    text += new TextDecoder().decode(buffer.subarray(0, read(fd, buffer)));
  }
  return text;
}

Deno.test("pty: bytes go through a pty both ways, and its end is EIO", () => {
  const pty = openPty();
  using master = new OwnedFd(pty.master);
  using slave = OwnedFd.open(pty.slave, O_RDWR | O_NOCTTY);
  write(slave.fd, bytes("out\n"));
  assert.equal(readText(master.fd, 5), "out\r\n");
  write(master.fd, bytes("in\r"));
  assert.equal(readText(slave.fd), "in\n");
  slave[Symbol.dispose]();
  assert.equal(readText(master.fd, 4), "in\r\n", "the echo is not lost when the slave closes");
  assert.throws(() => readText(master.fd), (error) => isErrno(error, EIO));
});

Deno.test("setWinsize: the size that one end sets, the other end sees", () => {
  const pty = openPty();
  using master = new OwnedFd(pty.master);
  using slave = OwnedFd.open(pty.slave, O_RDWR | O_NOCTTY);
  setWinsize(master.fd, 132, 43);
  assert.deepEqual(getWinsize(slave.fd), { width: 132, height: 43 });
});

Deno.test("setRaw: raw mode neither echoes nor translates, and is undone", () => {
  const pty = openPty();
  using master = new OwnedFd(pty.master);
  using slave = OwnedFd.open(pty.slave, O_RDWR | O_NOCTTY);
  setNonblocking(master.fd, true);
  {
    using _raw = setRaw(slave.fd);
    write(master.fd, bytes("\x03x\r"));
    assert.equal(readText(slave.fd), "\x03x\r");
    write(slave.fd, bytes("y\n"));
    assert.equal(readText(master.fd), "y\n");
    assert.throws(() => readText(master.fd), (error) => isErrno(error, EAGAIN));
  }
  write(slave.fd, bytes("z\n"));
  assert.equal(readText(master.fd, 3), "z\r\n");
});

Deno.test("setWinsize: what is no terminal says so", () => {
  const pipe = pipe2();
  using reader = new OwnedFd(pipe.read);
  using _writer = new OwnedFd(pipe.write);
  assert.throws(() => getWinsize(reader.fd), (error) => isErrno(error, ENOTTY));
  assert.throws(() => setWinsize(reader.fd, 80, 24), (error) => isErrno(error, ENOTTY));
  assert.throws(() => setRaw(reader.fd), (error) => isErrno(error, ENOTTY));
});
