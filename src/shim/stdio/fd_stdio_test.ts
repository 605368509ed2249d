// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "../../linux/fd/fd_testing.ts";
import { until } from "../../../tests/harness/poll.ts";
import {
  close,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  pipe2,
  read,
  write,
} from "../../linux/fd/fd.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { FdStdio } from "./fd_stdio.ts";
import { NO_STDIO, TestArea } from "../testing/bundle_testing.ts";
import type { TestService } from "../testing/bundle_testing.ts";

const text = new TextDecoder();
const bytes = (value: string) => new TextEncoder().encode(value);

async function run(test: TestService): Promise<number> {
  await test.service.create();
  await test.service.start();
  return (await test.service.processes.wait({})).exitStatus;
}

/** Everything a reader gets until the end of the FIFO; it must have come to its end already. */
function readAll(fd: number): string {
  const buffer = new Uint8Array(65536);
  let all = "";
  for (let count = read(fd, buffer); count > 0; count = read(fd, buffer)) {
    all += text.decode(buffer.subarray(0, count));
  }
  return all;
}

Deno.test("fd stdio: a reader that is there gets every byte and the end", async () => {
  await using area = new TestArea();
  const stdout = area.fifo("out");
  const reader = open(stdout, O_RDONLY | O_NONBLOCK);
  const test = area.service({ args: ["/bin/echo", "hello"], stdio: { stdout } });
  assert.equal(await run(test), 0);
  assert.equal(readAll(reader), "hello\n");
  close(reader);
  await test.service.delete({});
});

Deno.test("fd stdio: a reader that comes after the exit gets every byte and the end", async () => {
  await using area = new TestArea();
  const stdout = area.fifo("out");
  const test = area.service({ args: ["/bin/echo", "late"], stdio: { stdout, stderr: stdout } });
  const before = countOpenFds();
  assert.equal(await run(test), 0);
  assert.equal(await Deno.readTextFile(stdout), "late\n");
  await until("the shim has let go of the FIFO", () => countOpenFds() === before);
  await test.service.delete({});
});

Deno.test("fd stdio: delete gives up on a reader that never comes", async () => {
  await using area = new TestArea();
  const stdout = area.fifo("out");
  const stderr = area.fifo("err");
  const test = area.service({
    args: ["/bin/sh", "-c", "echo lost; echo too >&2"],
    stdio: { stdout, stderr },
  });
  const before = countOpenFds();
  assert.equal(await run(test), 0);
  Deno.removeSync(stderr);
  await test.service.delete({});
  assert.equal(countOpenFds(), before);
});

Deno.test("fd stdio: output without any reader does not end the process", async () => {
  await using area = new TestArea();
  const stdout = area.fifo("out");
  const test = area.service({
    args: ["/bin/sh", "-c", "echo one; read line; echo two; exit 4"],
    stdio: { stdout, stdin: area.fifo("in") },
  });
  await test.service.create();
  await test.service.start();
  const first = open(stdout, O_RDONLY | O_NONBLOCK);
  const buffer = new Uint8Array(100);
  let got = "";
  await until("the first line is there", () => {
    try {
      got += text.decode(buffer.subarray(0, read(first, buffer)));
    } catch {
      return false; // nothing yet
    }
    return got === "one\n";
  });
  close(first);
  const stdin = open(`${area.dir}/in`, O_WRONLY | O_NONBLOCK);
  write(stdin, bytes("go\n"));
  close(stdin);
  assert.equal((await test.service.processes.wait({})).exitStatus, 4);
  assert.equal(await Deno.readTextFile(stdout), "two\n");
});

Deno.test("fd stdio: stdin outlives its writers and ends with closeStdin", async () => {
  await using area = new TestArea();
  const stdin = area.fifo("in");
  const file = `${area.dir}/out.log`;
  Deno.writeTextFileSync(file, "before\n");
  const test = area.service({
    args: ["/bin/cat"],
    stdio: { stdin, stdout: `file://${file}` },
  });
  await test.service.create();
  const early = open(stdin, O_WRONLY | O_NONBLOCK);
  write(early, bytes("early\n"));
  close(early);
  await test.service.start();
  await until("the first is copied", () => Deno.readTextFileSync(file).endsWith("early\n"));
  assert.equal(test.service.state().status, "running");
  const later = open(stdin, O_WRONLY | O_NONBLOCK);
  write(later, bytes("later\n"));
  close(later);
  test.service.processes.closeStdin({});
  assert.equal((await test.service.processes.wait({})).exitStatus, 0);
  assert.equal(Deno.readTextFileSync(file), "before\nearly\nlater\n");
  await test.service.delete({});
});

Deno.test("fd stdio: closeStdin before the start gives the end at once", async () => {
  await using area = new TestArea();
  const test = area.service({ args: ["/bin/cat"], stdio: { stdin: area.fifo("in") } });
  await test.service.create();
  test.service.processes.closeStdin({});
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 0);
});

Deno.test("fd stdio: a child that keeps the stdio open delays neither exit nor delete", async () => {
  await using area = new TestArea();
  const stdout = area.fifo("out");
  const reader = open(stdout, O_RDWR | O_NONBLOCK);
  const test = area.service();
  await test.service.create();
  await test.service.start();
  await test.service.exec({
    execId: "e",
    process: { args: ["/bin/sh", "-c", "sleep 1000 & exit 6"] },
    stdio: { ...NO_STDIO, stdout },
  });
  assert.equal((await test.service.processes.wait({ execId: "e" })).exitStatus, 6);
  assert.equal((await test.service.delete({ execId: "e" })).exitStatus, 6);
  close(reader);
});

Deno.test("fd stdio: no fd is left of a container", async () => {
  await using area = new TestArea();
  const stdio = { stdin: area.fifo("in"), stdout: area.fifo("out"), stderr: area.fifo("err") };
  const live = async () => {
    const test = area.service({ args: ["/bin/true"], stdio });
    await run(test);
    await test.service.delete({});
  };
  await live();
  const before = countOpenFds();
  await live();
  assert.equal(countOpenFds(), before);
});

Deno.test("FdStdio: however many ended processes nobody reads, other waits go on", async () => {
  await using area = new TestArea();
  await using poller = new Poller();
  const ended = Array.from({ length: 40 }, (_, n) => {
    const stdout = area.fifo(`out${n}`);
    const io = new FdStdio({ stdin: "", stdout, stderr: "", terminal: false }, poller);
    write(io.fds.stdout, bytes(`${n}\n`));
    io.onStart();
    io.onExit();
    return { io, stdout };
  });
  const pipe = pipe2(O_NONBLOCK);
  const readable = poller.wait(pipe.read, "readable");
  write(pipe.write, bytes("x"));
  await readable;
  close(pipe.read);
  close(pipe.write);
  for (const [n, { io, stdout }] of ended.entries()) {
    // The end comes, so the FIFO was let go.
    if (n % 2 === 0) assert.equal(await Deno.readTextFile(stdout), `${n}\n`);
    await io.close();
  }
});
