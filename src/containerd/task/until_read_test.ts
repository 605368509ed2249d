// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { countOpenFds } from "../../linux/fd/fd_testing.ts";
import { O_NONBLOCK, O_RDONLY, O_RDWR, OwnedFd, readAvailable, write } from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { untilRead } from "./until_read.ts";

/** Makes a FIFO with `unread` bytes in it, that is open for reading. */
function fifoWith(unread: number, temp: TempDir): { path: string; reader: OwnedFd } {
  const path = `${temp.path}/out`;
  mkfifo(path);
  using both = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  const reader = OwnedFd.open(path, O_RDONLY | O_NONBLOCK);
  write(both.fd, new Uint8Array(unread));
  return { path, reader };
}

/** Returns whether a wait is over within this time, in milliseconds. */
async function isOverWithin(ms: number, waiting: Promise<void>): Promise<boolean> {
  const late = new Promise((resolve) => setTimeout(resolve, ms, "late"));
  const isOver = await Promise.race([waiting, late]) !== "late";
  await Promise.all([waiting, late]);
  return isOver;
}

Deno.test("untilRead: waits until the last byte is read, and the reader then sees the end", async () => {
  using temp = new TempDir();
  const { path, reader } = fifoWith(3, temp);
  using _reader = reader;
  let isRead = false;
  const waiting = untilRead(path).then(() => isRead = true);
  const byte = new Uint8Array(1);
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.ok(!isRead, `${round} of 3 are read`);
    assert.equal(readAvailable(reader.fd, byte), 1);
  }
  await waiting;
  assert.equal(readAvailable(reader.fd, byte), 0);
});

Deno.test("untilRead: a reader that does not read is waited for some time, and keeps what is unread", async () => {
  using temp = new TempDir();
  const { path, reader } = fifoWith(3, temp);
  using _reader = reader;
  const fds = countOpenFds();
  const begun = performance.now();
  await untilRead(path);
  // Timers may be a little early.
  assert.ok(performance.now() - begun > 90);
  assert.equal(countOpenFds(), fds);
  assert.equal(readAvailable(reader.fd, new Uint8Array(10)), 3);
});

Deno.test("untilRead: where nothing is unread, nobody reads, or there is no FIFO, there is no wait", async () => {
  using temp = new TempDir();
  assert.ok(await isOverWithin(0, untilRead(`${temp.path}/none`)));
  Deno.writeTextFileSync(`${temp.path}/file`, "text");
  assert.ok(await isOverWithin(0, untilRead(`${temp.path}/file`)));
  const { path, reader } = fifoWith(0, temp);
  using _reader = reader;
  assert.ok(await isOverWithin(0, untilRead(path)));
  using both = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  write(both.fd, new Uint8Array(3));
  reader[Symbol.dispose]();
  both[Symbol.dispose]();
  assert.ok(await isOverWithin(0, untilRead(path)));
});

Deno.test("untilRead: a reader that goes away is not waited for", async () => {
  using temp = new TempDir();
  const { path, reader } = fifoWith(3, temp);
  const waiting = untilRead(path);
  reader[Symbol.dispose]();
  assert.ok(await isOverWithin(60, waiting));
});
