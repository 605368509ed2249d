// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../linux/fs/exists.ts";
import { O_NONBLOCK, O_PATH, O_RDWR, open, OwnedFd, write } from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { openForWritingBlocking } from "../../linux/fd/fd_testing.ts";
import { kill, zombieStatus } from "../../linux/process/process.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { until } from "../../linux/cgroup/cgroup_testing.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { execFifoPath, fifoPassage, releaseExecFifo } from "./exec_fifo.ts";

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
    const waiting = openForWritingBlocking(path);
    let over = false;
    const passed = releaseExecFifo(path, Deno.pid, poller, new AbortController().signal)
      .finally(() => over = true);
    {
      using init = new OwnedFd(await waiting);
      write(init.fd, BYTE);
      await until("the FIFO is removed", () => !exists(path));
      await sleep(20);
      assert.equal(over, false, "it waits for the program, which has not got the FIFO");
    }
    assert.equal(await passed, true);
    assert.equal(
      await releaseExecFifo(path, Deno.pid, poller, new AbortController().signal),
      false,
    );
  }));

Deno.test("one that comes to the FIFO later is waited for", () =>
  withFifo(async (path, poller) => {
    const passed = releaseExecFifo(path, Deno.pid, poller, new AbortController().signal);
    {
      using init = new OwnedFd(await openForWritingBlocking(path));
      write(init.fd, BYTE);
    }
    assert.equal(await passed, true);
  }));

Deno.test("one that has ended was started if it has written before, and only then", () =>
  withFifo(async (path, poller) => {
    const ended = new AbortController();
    const passed = releaseExecFifo(path, Deno.pid, poller, ended.signal);
    ended.abort();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);

    using other = new OwnedFd(open(path, O_RDWR | O_NONBLOCK));
    write(other.fd, BYTE);
    assert.equal(await releaseExecFifo(path, Deno.pid, poller, ended.signal), true);
    assert.equal(exists(path), false);
  }));

Deno.test("one that closes the FIFO without a word was not started", () =>
  withFifo(async (path, poller) => {
    const waiting = openForWritingBlocking(path);
    const passed = releaseExecFifo(path, Deno.pid, poller, new AbortController().signal);
    new OwnedFd(await waiting)[Symbol.dispose]();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);
  }));

Deno.test("what is no FIFO is left alone", () =>
  withFifo(async (path, poller) => {
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "0");
    assert.equal(
      await releaseExecFifo(path, Deno.pid, poller, new AbortController().signal),
      false,
    );
    assert.equal(Deno.readTextFileSync(path), "0");
  }));

Deno.test("how far a process has come with the FIFO is told by how it has that open", () =>
  withFifo((path) => {
    assert.equal(fifoPassage(path, Deno.pid), "passed");
    {
      using _reference = new OwnedFd(open(path, O_PATH));
      assert.equal(fifoPassage(path, Deno.pid), "waiting");
      using _open = new OwnedFd(open(path, O_RDWR | O_NONBLOCK));
      assert.equal(fifoPassage(path, Deno.pid), "passing");
    }
    assert.equal(fifoPassage(path, Deno.pid), "passed");
    Deno.removeSync(path);
    assert.equal(fifoPassage(path, Deno.pid), "over");
    return Promise.resolve();
  }));

Deno.test("a process that has ended has not passed the FIFO, though it be a zombie", () =>
  withFifo(async (path) => {
    using reaper = Reaper.start({ reapAll: false });
    // Of a shell that has become another program nobody reaps the child.
    const parent = reaper.spawn([
      ...["sh", "-c", 'sleep 1000 & echo $! >"$0"; exec sleep 2000', `${path}.pid`],
    ]);
    const runs = (command: string) =>
      Deno.readTextFileSync(`/proc/${parent.pid}/cmdline`) === command;
    try {
      await until("the shell is another program", () => runs("sleep\x002000\0"));
      const pid = Number(Deno.readTextFileSync(`${path}.pid`));
      assert.equal(fifoPassage(path, pid), "passed");
      kill(pid, SIGKILL);
      await until("there is a zombie", () => zombieStatus(pid) === 128 + SIGKILL);
      assert.equal(fifoPassage(path, pid), "over");
    } finally {
      parent.kill(SIGKILL);
      await parent.exited;
    }
  }));

Deno.test("one that has passed the FIFO before is not waited for", () =>
  withFifo(async (path, poller) => {
    assert.equal(
      await releaseExecFifo(path, Deno.ppid, poller, new AbortController().signal),
      true,
    );
    assert.equal(exists(path), false);
  }));
