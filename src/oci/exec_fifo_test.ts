// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../linux/exists.ts";
import { O_NONBLOCK, O_PATH, O_RDWR, open, OwnedFd, write } from "../linux/fd.ts";
import { mkfifo } from "../linux/fifo.ts";
import { openWhenRead } from "../linux/fifo_wait.ts";
import { Poller } from "../linux/poller.ts";
import { execFifoPath, hasPassedExecFifo, passExecFifo } from "./exec_fifo.ts";

const BYTE = new TextEncoder().encode("0");

async function withFifo(test: (path: string, poller: Poller) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${dir}/a`);
    const path = execFifoPath(dir, "a");
    mkfifo(path);
    await using poller = new Poller();
    await test(path, poller);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("who waits at the FIFO is let through, once", () =>
  withFifo(async (path, poller) => {
    const waiting = openWhenRead(path);
    const passed = passExecFifo(path, poller, new AbortController().signal);
    using init = new OwnedFd(await waiting);
    write(init.fd, BYTE);
    assert.equal(await passed, true);
    assert.equal(exists(path), false);
    assert.equal(await passExecFifo(path, poller, new AbortController().signal), false);
  }));

Deno.test("one that comes to the FIFO later is waited for", () =>
  withFifo(async (path, poller) => {
    const passed = passExecFifo(path, poller, new AbortController().signal);
    using init = new OwnedFd(await openWhenRead(path));
    write(init.fd, BYTE);
    assert.equal(await passed, true);
  }));

Deno.test("one that has ended was started if it has written before, and only then", () =>
  withFifo(async (path, poller) => {
    const ended = new AbortController();
    const passed = passExecFifo(path, poller, ended.signal);
    ended.abort();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);

    using other = new OwnedFd(open(path, O_RDWR | O_NONBLOCK));
    write(other.fd, BYTE);
    assert.equal(await passExecFifo(path, poller, ended.signal), true);
    assert.equal(exists(path), false);
  }));

Deno.test("one that closes the FIFO without a word was not started", () =>
  withFifo(async (path, poller) => {
    const waiting = openWhenRead(path);
    const passed = passExecFifo(path, poller, new AbortController().signal);
    new OwnedFd(await waiting)[Symbol.dispose]();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);
  }));

Deno.test("what is no FIFO is left alone", () =>
  withFifo(async (path, poller) => {
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "0");
    assert.equal(await passExecFifo(path, poller, new AbortController().signal), false);
    assert.equal(Deno.readTextFileSync(path), "0");
  }));

Deno.test("a process that holds the FIFO has not passed it yet", () =>
  withFifo((path) => {
    {
      using _init = new OwnedFd(open(path, O_PATH));
      assert.equal(hasPassedExecFifo(path, Deno.pid), false);
    }
    assert.equal(hasPassedExecFifo(path, Deno.pid), true);
    Deno.removeSync(path);
    assert.throws(() => hasPassedExecFifo(path, Deno.pid), Deno.errors.NotFound);
    return Promise.resolve();
  }));
