// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { EAGAIN, EEXIST, isErrno } from "../libc/errno.ts";
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, OwnedFd, readAvailable, write } from "./fd.ts";
import { countUnread, hasReader, hasRoom, isFifo, mkfifo } from "./fifo.ts";

Deno.test("isFifo: a FIFO is made, told from other files, and tells who reads", () => {
  using temp = new TempDir();
  const directory = temp.path;
  const path = `${directory}/out`;
  assert.ok(!isFifo(path));
  mkfifo(path);
  assert.ok(isFifo(path));
  assert.ok(!isFifo(directory));
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assert.throws(() => mkfifo(path), (error) => isErrno(error, EEXIST));

  using both = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  using writer = OwnedFd.open(path, O_WRONLY | O_NONBLOCK);
  assert.ok(hasReader(writer.fd), "an O_RDWR end counts");
  both[Symbol.dispose]();
  assert.ok(!hasReader(writer.fd));
  using _reader = OwnedFd.open(path, O_RDONLY | O_NONBLOCK);
  assert.ok(hasReader(writer.fd));
});

Deno.test("hasRoom: a FIFO with room takes 4096 bytes whole", () => {
  using temp = new TempDir();
  const path = `${temp.path}/out`;
  mkfifo(path);
  using fifo = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  const bytes = new Uint8Array(4096);
  let written = 0;
  for (; hasRoom(fifo.fd); written += bytes.length) {
    assert.equal(write(fifo.fd, bytes), bytes.length);
  }
  assert.ok(written > 0);
  assert.throws(() => write(fifo.fd, bytes), (error) => isErrno(error, EAGAIN));
  assert.equal(readAvailable(fifo.fd, bytes), bytes.length);
  assert.ok(hasRoom(fifo.fd));
});

Deno.test("hasReader: is right while signals come in", async () => {
  const program = new URL("signal_flood_testing.ts", import.meta.url).pathname;
  const args = ["run", "--allow-all", "--no-check", program];
  let said = "";
  // In such a flood Deno may fail to start a thread and end itself, which says nothing of berth.
  for (let left = 5; said === "" && left > 0; left--) {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    said = new TextDecoder().decode(stdout).trim();
  }
  assert.equal(said, "told");
});

Deno.test("countUnread: both ends of a FIFO tell what is in it", () => {
  using temp = new TempDir();
  const path = `${temp.path}/out`;
  mkfifo(path);
  using reader = OwnedFd.open(path, O_RDONLY | O_NONBLOCK);
  using writer = OwnedFd.open(path, O_WRONLY | O_NONBLOCK);
  assert.equal(countUnread(writer.fd), 0);
  write(writer.fd, new Uint8Array(5000));
  assert.deepEqual([countUnread(writer.fd), countUnread(reader.fd)], [5000, 5000]);
  readAvailable(reader.fd, new Uint8Array(1000));
  assert.equal(countUnread(writer.fd), 4000);
});
