// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EEXIST, isErrno } from "../libc/errno.ts";
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, OwnedFd } from "./fd.ts";
import { hasReader, isFifo, mkfifo } from "./fifo.ts";

Deno.test("isFifo: a FIFO is made, told from other files, and tells who reads", () => {
  const directory = Deno.makeTempDirSync();
  try {
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
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("mkfifo: whether there is a reader can be asked while signals come in", async () => {
  const dir = Deno.makeTempDirSync();
  const heard = () => {};
  Deno.addSignalListener("SIGUSR1", heard);
  const script = `i=0; while [ $i -lt 300000 ]; do kill -USR1 ${Deno.pid}; i=$((i+1)); done`;
  const sender = new Deno.Command("sh", { args: ["-c", script], stdin: "null" }).spawn();
  let sent = false;
  const status = sender.status.then(() => sent = true);
  try {
    mkfifo(`${dir}/f`);
    using both = OwnedFd.open(`${dir}/f`, O_RDWR);
    while (!sent) {
      for (let i = 0; i < 10_000; i++) assert.equal(hasReader(both.fd), true);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    if (!sent) sender.kill();
    await status;
    Deno.removeSignalListener("SIGUSR1", heard);
    Deno.removeSync(dir, { recursive: true });
  }
});
