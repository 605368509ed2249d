// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until, within } from "../../../tests/harness/poll.ts";
import { EMFILE, isErrno } from "../../linux/libc/errno.ts";
import { exists } from "../../linux/fs/exists.ts";
import {
  O_CLOEXEC,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  OwnedFd,
  write,
} from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { countOpenFds, openForWritingBlocking } from "../../linux/fd/fd_testing.ts";
import { kill, zombieStatus } from "../../linux/process/process.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { borrowFileLimit } from "../../linux/process/file_limit.ts";
import { execFifoPath, fifoPassage, releaseExecFifo } from "./exec_fifo.ts";
import type { ReleaseOptions } from "./exec_fifo.ts";

/** Lets the init pass that this process plays. */
function release(options: TestOptions, more: Partial<ReleaseOptions> = {}): Promise<boolean> {
  const ended = new AbortController().signal;
  return releaseExecFifo({ pid: Deno.pid, ended, ...options, ...more });
}

const BYTE = new TextEncoder().encode("0");

type TestOptions = Omit<ReleaseOptions, "ended" | "pid">;

/** Holds the FIFO as runc's init does until it is the program. */
function holdAsInit(path: string): OwnedFd {
  return new OwnedFd(open(path, O_PATH));
}

async function withFifo(test: (options: TestOptions) => Promise<void>): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  Deno.mkdirSync(`${dir}/a`);
  const path = execFifoPath(dir, "a");
  mkfifo(path);
  await using poller = new Poller();
  using reserve = new FdReserve();
  await test({ path, poller, reserve, log: assert.fail });
}

Deno.test("exec fifo: who waits at the FIFO is let through, once", () =>
  withFifo(async (options) => {
    const { path } = options;
    const held = holdAsInit(path);
    const waiting = openForWritingBlocking(path);
    let over = false;
    const passed = release(options)
      .finally(() => over = true);
    {
      using _held = held;
      using init = new OwnedFd(await waiting);
      write(init.fd, BYTE);
      await until("the FIFO is removed", () => !exists(path));
      await sleep(20);
      assert.equal(over, false, "it waits for the program, which has not got the FIFO");
    }
    assert.equal(await passed, true);
    assert.equal(
      await release(options),
      false,
    );
  }));

Deno.test("exec fifo: one that comes to the FIFO later is waited for", () =>
  withFifo(async (options) => {
    const { path } = options;
    const held = holdAsInit(path);
    const passed = release(options);
    {
      using _held = held;
      using init = new OwnedFd(await openForWritingBlocking(path));
      write(init.fd, BYTE);
    }
    assert.equal(await passed, true);
  }));

Deno.test("exec fifo: one that has ended was started if it has written before, and only then", () =>
  withFifo(async (options) => {
    const { path } = options;
    const ended = new AbortController();
    const held = holdAsInit(path);
    const passed = release(options, { ended: ended.signal });
    held[Symbol.dispose]();
    ended.abort();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);

    using other = new OwnedFd(open(path, O_RDWR | O_NONBLOCK));
    write(other.fd, BYTE);
    assert.equal(await release(options, { ended: ended.signal }), true);
    assert.equal(exists(path), false);
  }));

Deno.test("exec fifo: one that closes the FIFO without a word was not started", () =>
  withFifo(async (options) => {
    const { path } = options;
    const waiting = openForWritingBlocking(path);
    using _held = holdAsInit(path);
    const passed = release(options);
    new OwnedFd(await waiting)[Symbol.dispose]();
    assert.equal(await passed, false);
    assert.equal(exists(path), true);
  }));

Deno.test("exec fifo: an init that reads from it is crun's, and is left to its runtime", () =>
  withFifo(async (options) => {
    const { path } = options;
    using _init = new OwnedFd(open(path, O_RDONLY | O_NONBLOCK));
    assert.equal(await within("the answer", release(options)), false);
    assert.equal(exists(path), true);
  }));

Deno.test("exec fifo: what is no FIFO is left alone", () =>
  withFifo(async (options) => {
    const { path } = options;
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "0");
    assert.equal(
      await release(options),
      false,
    );
    assert.equal(Deno.readTextFileSync(path), "0");
  }));

Deno.test("fifoPassage: how far a process has come with the FIFO is told by how it has that open", () =>
  withFifo(({ path }) => {
    assert.equal(fifoPassage(path, Deno.pid), "passed");
    {
      using _reference = holdAsInit(path);
      assert.equal(fifoPassage(path, Deno.pid), "waiting");
      using _open = new OwnedFd(open(path, O_RDWR | O_NONBLOCK));
      assert.equal(fifoPassage(path, Deno.pid), "passing");
    }
    {
      using _read = new OwnedFd(open(path, O_RDONLY | O_NONBLOCK));
      assert.equal(fifoPassage(path, Deno.pid), "reading");
    }
    assert.equal(fifoPassage(path, Deno.pid), "passed");
    Deno.removeSync(path);
    assert.equal(fifoPassage(path, Deno.pid), "over");
    return Promise.resolve();
  }));

Deno.test("fifoPassage: a process that has ended has not passed the FIFO, though it be a zombie", () =>
  withFifo(async ({ path }) => {
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

Deno.test("exec fifo: one that has passed the FIFO before is not waited for", () =>
  withFifo(async (options) => {
    const { path } = options;
    assert.equal(
      await release(options, { pid: Deno.ppid }),
      true,
    );
    assert.equal(exists(path), false);
  }));

/** Opens files until this process may open only `free` more. */
function leaveFree(free: number): Disposable {
  using held = new DisposableStack();
  held.use(borrowFileLimit(BigInt(countOpenFds() + 20)));
  const files: OwnedFd[] = [];
  const fill = () => {
    for (;;) files.push(held.use(OwnedFd.open("/dev/null", O_RDONLY)));
  };
  assert.throws(fill, (error) => isErrno(error, EMFILE));
  for (let left = free; left > 0; left--) files.pop()?.[Symbol.dispose]();
  return held.move();
}

/** Whether a thread of this process waits in openat(2) to write to a FIFO: by then it has its fd. */
function waitsInOpenat(): boolean {
  const number = Deno.build.arch === "aarch64" ? 56 : 257;
  const flags = (O_WRONLY | O_CLOEXEC).toString(16);
  // What a thread that is blocked has called, with its arguments (proc_pid_syscall(5)).
  const call = new RegExp(`^${number} \\w+ \\w+ 0x${flags} `);
  return Array.from(Deno.readDirSync("/proc/self/task")).some(({ name }) => {
    try {
      return call.test(Deno.readTextFileSync(`/proc/self/task/${name}/syscall`));
    } catch {
      // The thread has ended.
      return false;
    }
  });
}

Deno.test("releaseExecFifo: where fds are short it refuses before init goes on, or succeeds", () =>
  withFifo(async ({ path, ...options }) => {
    const results = [];
    for (let free = 0; free <= 3; free++) {
      const fifo = `${path}${free}`;
      mkfifo(fifo);
      using reference = holdAsInit(fifo);
      let passed = false;
      const waiting = openForWritingBlocking(fifo).then((fd) => {
        passed = true;
        using init = new OwnedFd(fd);
        write(init.fd, BYTE);
        reference[Symbol.dispose]();
      });
      await until("it waits in openat(2), with its fd taken", waitsInOpenat);
      using reserve = new FdReserve();
      const result = await (async () => {
        using _limit = leaveFree(free);
        return await release({ path: fifo, ...options, reserve }).catch(() => "refused");
      })();
      results.push(result);
      if (result !== true) {
        assert.equal(passed, false, `with ${free} fds`);
        assert.equal(await release({ path: fifo, ...options }), true);
      }
      await waiting;
      assert.equal(exists(fifo), false);
    }
    assert.deepEqual(results, [false, true, true, true]);
  }));
