// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "./fd_testing.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { EAGAIN, EEXIST, EIO, EPERM, isErrno } from "../libc/errno.ts";
import { O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, OwnedFd, pipe2, read, write } from "./fd.ts";
import { mkfifo } from "./fifo.ts";
import { Poller } from "./poller.ts";
import { Pidfd } from "../process/process.ts";
import { openPty } from "./pty_testing.ts";
import { Reaper } from "../process/reaper.ts";
import { SIGKILL } from "../process/signals.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A pipe whose ends are closed at the end of the scope. */
function ownedPipe(): Disposable & { reader: number; writer: number } {
  const pipe = pipe2(O_NONBLOCK);
  const stack = new DisposableStack();
  stack.use(new OwnedFd(pipe.read));
  stack.use(new OwnedFd(pipe.write));
  return { reader: pipe.read, writer: pipe.write, [Symbol.dispose]: () => stack.dispose() };
}

Deno.test("Poller: a pty's output is waited for, then its end", async () => {
  await using poller = new Poller();
  const pty = openPty();
  using master = new OwnedFd(pty.master);
  using slave = OwnedFd.open(pty.slave, O_RDWR | O_NOCTTY);
  const buffer = new Uint8Array(16);
  for (let round = 0; round < 3; round++) {
    const ready = poller.wait(master.fd, "readable");
    write(slave.fd, bytes("x\n"));
    await ready;
    // The kernel writes the line's end, "\r\n", by itself: it may come alone.
    for (let count = read(master.fd, buffer); count < 3; count += read(master.fd, buffer)) {
      await poller.wait(master.fd, "readable");
    }
  }
  const ended = poller.wait(master.fd, "readable");
  slave[Symbol.dispose]();
  await ended;
  assert.throws(() => read(master.fd, buffer), (error) => isErrno(error, EIO));
});

Deno.test("Poller: room in a full FIFO is waited for", async () => {
  using temp = new TempDir();
  const directory = temp.path;
  mkfifo(`${directory}/fifo`);
  await using poller = new Poller();
  using both = OwnedFd.open(`${directory}/fifo`, O_RDWR | O_NONBLOCK);
  const block = new Uint8Array(4096);
  assert.throws(() => {
    while (true) write(both.fd, block);
  }, (error) => isErrno(error, EAGAIN));
  // Readable and writable on one fd at once: the first must not consume the second.
  await poller.wait(both.fd, "readable");
  const room = poller.wait(both.fd, "writable");
  read(both.fd, new Uint8Array(65536));
  await room;
  assert.equal(write(both.fd, block), block.length);
});

Deno.test("Poller: several wait for one fd, and those of other fds are left alone", async () => {
  await using poller = new Poller();
  using a = ownedPipe();
  using b = ownedPipe();
  let other = false;
  const controller = new AbortController();
  const pending = poller.wait(b.reader, "readable", { signal: controller.signal })
    .then(() => other = true, () => {});
  const waits = [poller.wait(a.reader, "readable"), poller.wait(a.reader, "readable")];
  write(a.writer, bytes("x"));
  await Promise.all(waits);
  assert.equal(other, false);
  controller.abort();
  await pending;
});

Deno.test("Poller: a wait can be aborted, before and meanwhile, without a trace", async () => {
  await using poller = new Poller();
  using pipe = ownedPipe();
  await assert.rejects(poller.wait(pipe.reader, "readable", { signal: AbortSignal.abort("no") }));
  const controller = new AbortController();
  const wait = poller.wait(pipe.reader, "readable", { signal: controller.signal });
  const other = poller.wait(pipe.reader, "readable");
  controller.abort(new Error("enough"));
  await assert.rejects(wait, /^Error: enough$/);
  write(pipe.writer, bytes("x"));
  await other;
});

Deno.test("Poller: the exit of a process that is watched by pidfd is seen", async () => {
  await using poller = new Poller();
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  using pidfd = Pidfd.open(child.pid);
  const exited = poller.wait(pidfd.fd, "readable");
  child.kill(SIGKILL);
  await exited;
  await child.exited;
});

Deno.test("Poller: a callback is called for as long as it is registered", async () => {
  await using poller = new Poller();
  using pipe = ownedPipe();
  const buffer = new Uint8Array(1);
  let seen = 0;
  let next = Promise.withResolvers<void>();
  const registration = poller.add(pipe.reader, () => {
    seen += read(pipe.reader, buffer);
    next.resolve();
  });
  assert.throws(() => poller.add(pipe.reader, () => {}), (error) => isErrno(error, EEXIST));
  for (let round = 1; round <= 3; round++) {
    next = Promise.withResolvers();
    write(pipe.writer, bytes("x"));
    await next.promise;
    assert.equal(seen, round);
  }
  registration[Symbol.dispose]();
  registration[Symbol.dispose]();
  write(pipe.writer, bytes("x"));
  await poller.wait(pipe.reader, "readable");
  assert.equal(seen, 3);
});

Deno.test("Poller: what cannot be waited for is refused, and the poller goes on", async () => {
  await using poller = new Poller();
  using file = OwnedFd.open("/etc/passwd", O_RDONLY);
  await assert.rejects(poller.wait(file.fd, "readable"), (error) => isErrno(error, EPERM));
  using pipe = ownedPipe();
  await poller.wait(pipe.writer, "writable");
});

Deno.test("Poller: disposal rejects what is pending and closes every fd", async () => {
  using pipe = ownedPipe();
  const before = countOpenFds();
  {
    await using poller = new Poller();
    const wait = poller.wait(pipe.reader, "readable");
    poller[Symbol.dispose]();
    await assert.rejects(wait, /disposed/);
    await assert.rejects(poller.wait(pipe.reader, "readable"), /disposed/);
  }
  assert.equal(countOpenFds(), before);
});

Deno.test("Poller: many fds are waited for by one thread, and none is left after", async () => {
  const threads = () =>
    Number(/^Threads:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
  await using poller = new Poller();
  using stack = new DisposableStack();
  const pipes = Array.from({ length: 300 }, () => stack.use(ownedPipe()));
  const before = threads();
  const waits = pipes.map((pipe) => poller.wait(pipe.reader, "readable"));
  assert.ok(threads() <= before + 1, `${threads()} threads after ${before}`);
  for (const pipe of pipes) write(pipe.writer, bytes("x"));
  await Promise.all(waits);
});

const inOwnProcess = (program: string) =>
  new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--quiet",
      `import { Poller } from ${JSON.stringify(import.meta.resolve("./poller.ts"))};
       import * as fd from ${JSON.stringify(import.meta.resolve("./fd.ts"))};
       const poller = new Poller();
       const pipe = fd.pipe2();
       ${program}`,
    ],
    stdin: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();

Deno.test("poller: a process exits though a wait is blocked", async () => {
  const exited = await inOwnProcess(`
    poller.wait(pipe.read, "readable");
    setTimeout(() => Deno.exit(7), 20);`);
  assert.equal(exited.code, 7);
});

Deno.test("poller: a process ends by itself once nothing is waited for", async () => {
  const ended = await inOwnProcess(`
    const controller = new AbortController();
    poller.wait(pipe.read, "readable", { signal: controller.signal }).catch(() => {});
    setTimeout(() => controller.abort(), 20);`);
  assert.equal(ended.code, 0, new TextDecoder().decode(ended.stderr));
});

Deno.test("poller: waits survive garbage collection", async () => {
  const collected = await inOwnProcess(`
    const v8 = await import("node:v8");
    v8.setFlagsFromString("--expose-gc");
    const gc = (await import("node:vm")).runInNewContext("gc");
    const buffer = new Uint8Array(1);
    for (let round = 0; round < 50; round++) {
      const ready = poller.wait(pipe.read, "readable");
      gc();
      setTimeout(() => fd.write(pipe.write, buffer), 0);
      gc();
      await ready;
      fd.read(pipe.read, buffer);
    }`);
  assert.equal(collected.code, 0, new TextDecoder().decode(collected.stderr));
});
