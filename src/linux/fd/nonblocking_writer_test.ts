// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { EPIPE, isErrno } from "../libc/errno.ts";
import { O_CREAT, O_WRONLY, OwnedFd, pipe2, read } from "./fd.ts";
import { check, lazyLibc } from "../libc/libc.ts";
import { NonblockingWriter } from "./nonblocking_writer.ts";

const libc = lazyLibc({
  socketpair: {
    parameters: [
      /* int domain */ "i32",
      /* int type */ "i32",
      /* int protocol */ "i32",
      /* int sv[2] */ "buffer",
    ],
    result: "i32",
  },
});

// include/linux/socket.h, include/linux/net.h
const AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 0o2000000;
// include/uapi/asm-generic/fcntl.h
const O_NONBLOCK = 0o4000;

const CHUNK = new Uint8Array(10_000).fill(0x78);

/** The flags of the open file itself: proc(5), /proc/pid/fdinfo. */
function flagsOf(fd: number): number {
  const text = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)?.[1] ?? "", 8);
}

/** Fills what `fd` leads to, reads some of it at `end`, writes again, and ends the reading. */
function fillAndGoOn(fd: number, end: OwnedFd): void {
  using writer = new NonblockingWriter(fd);
  let sum = 0;
  for (let count; (count = writer.write(CHUNK)) > 0;) sum += count;
  assert.ok(sum > 0);
  assert.equal(writer.write(CHUNK), 0, "still full, and still nobody waits");
  assert.equal(flagsOf(fd) & O_NONBLOCK, 0, "others that have the fd see no change");
  const buffer = new Uint8Array(65_536);
  for (let left = sum; left > 0;) left -= read(end.fd, buffer);
  assert.equal(writer.write(CHUNK), CHUNK.length);
  end[Symbol.dispose]();
  assert.throws(() => writer.write(CHUNK), (error) => isErrno(error, EPIPE));
}

Deno.test("NonblockingWriter: a full pipe takes nothing, and stays blocking for others", () => {
  const pipe = pipe2();
  using readEnd = new OwnedFd(pipe.read);
  using writeEnd = new OwnedFd(pipe.write);
  fillAndGoOn(writeEnd.fd, readEnd);
});

Deno.test("NonblockingWriter: a full socket takes nothing, and stays blocking for others", () => {
  const pair = new Int32Array(2);
  check(
    () => libc().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)),
    "socketpair",
  );
  using readEnd = new OwnedFd(pair[0] ?? -1);
  using writeEnd = new OwnedFd(pair[1] ?? -1);
  fillAndGoOn(writeEnd.fd, readEnd);
});

Deno.test("NonblockingWriter: a file is written where its fd stands", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using file = OwnedFd.open(`${dir}/log`, O_WRONLY | O_CREAT);
  using writer = new NonblockingWriter(file.fd);
  const text = new TextEncoder();
  assert.equal(writer.write(text.encode("one\n")), 4);
  assert.equal(writer.write(text.encode("two\n")), 4);
  assert.equal(await Deno.readTextFile(`${dir}/log`), "one\ntwo\n");
});
