// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeScript } from "../harness/stand_in.ts";
import {
  CloseIoRequest,
  ProcessRequest,
  ResizeRequest,
  StateResponse,
  STATUS,
} from "../../src/containerd/messages/task.ts";
import { Empty } from "../../src/containerd/messages/types.ts";
import {
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  OwnedFd,
  readAvailable,
  write,
} from "../../src/linux/fd/fd.ts";
import { FifoReader, FifoWriter, makeFifo, readUntil } from "../harness/io/fifo.ts";
import { until, within } from "../harness/poll.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** The bytes that a FIFO has room for (pipe(7)). */
const FIFO_SIZE = 64 * 1024;

/** A program that logs as containerd has it: what it is given goes to files in the directory `dir`. */
const LOGGER = `echo "$*" >"$2/args"
echo "$CONTAINER_ID $CONTAINER_NAMESPACE \${HOME-none}" >"$2/env"
exec 5>&-
cat <&4 >"$2/err" &
cat <&3 >"$2/out"
wait`;

Deno.test("containerd shim io: a program logs what a container and its execs write", async () => {
  await using containerd = new StubContainerd();
  const logger = writeScript(`${containerd.dir}/logger`, LOGGER);
  const target = (name: string) => {
    const dir = `${containerd.dir}/${name}`;
    Deno.mkdirSync(dir);
    return { dir, uri: `binary://${logger}?dir=${encodeURIComponent(dir)}&k=v` };
  };
  const of = (dir: string, name: string) => Deno.readTextFileSync(`${dir}/${name}`);
  const init = target("init");
  using client = await containerd.create("c", ["sh", "-c", "echo out; echo err >&2; sleep 1000"], {
    stdout: init.uri,
    stderr: "ignored",
  });
  assert.equal((await client.state()).stdout, init.uri);
  await client.start();
  const exec = target("exec");
  await client.exec("e", ["sh", "-c", "echo exec"], { stdout: exec.uri });
  const ended = client.wait("e");
  await client.start("e");
  await ended;
  await client.delete("e");
  assert.equal(of(exec.dir, "out"), "exec\n");
  // Through a terminal there is one stream.
  const tty = target("tty");
  await client.exec("t", ["sh", "-c", "echo tty"], { stdout: tty.uri, terminal: true });
  const over = client.wait("t");
  await client.start("t");
  await over;
  await client.delete("t");
  assert.equal(of(tty.dir, "out"), "tty\r\n");

  await until("its output", () => {
    const files = [`${init.dir}/out`, `${init.dir}/err`];
    return files.every(existsSync) && files.map((path) => Deno.readTextFileSync(path)).join("") ===
        "out\nerr\n";
  });
  await client.kill(9);
  await client.wait();
  await client.delete();
  assert.deepEqual([of(init.dir, "out"), of(init.dir, "err")], ["out\n", "err\n"]);
  assert.equal(of(init.dir, "args"), `dir ${init.dir} k v\n`);
  assert.equal(of(init.dir, "env"), "c test none\n");
});

Deno.test("containerd shim io: a logger that cannot be had fails the create, which leaves nothing", async () => {
  await using containerd = new StubContainerd();
  const logger = writeScript(`${containerd.dir}/logger`, "exit 3");
  containerd.makeBundle("c", ["true"]);
  using client = await containerd.start("c");
  await assert.rejects(client.create({ stdout: "binary:///none" }), /logger \/none/);
  // The first version says nothing of whether it is ready.
  await assert.rejects(client.create({ stdout: `binary-v2://${logger}` }), /before it was ready/);
  const left = [...Deno.readDirSync(containerd.bundleOf("c"))].filter(({ isFile }) => !isFile);
  assert.deepEqual(left.map(({ name }) => name).sort(), ["log", "rootfs", "s"]);
  await client.create();
  await client.delete();
});

Deno.test("containerd shim io: a logger that dies does not stop its container", async () => {
  await using containerd = new StubContainerd();
  const text = 'exec 5>&-\nread -r line <&3\necho "$line" >"$2"';
  const logger = writeScript(`${containerd.dir}/logger`, text);
  const log = `${containerd.dir}/log`;
  // More than a FIFO holds, of each.
  const script =
    "echo first; for fd in 1 2; do dd if=/dev/zero bs=1k count=300 >&$fd; done; exit 7";
  using client = await containerd.create("c", ["sh", "-c", script], {
    stdout: `binary://${logger}?log=${encodeURIComponent(log)}`,
  });
  await client.start();
  assert.equal((await within("the exit", client.wait())).exit_status, 7);
  await client.delete();
  assert.equal(Deno.readTextFileSync(log), "first\n");
});

Deno.test("containerd shim io: a terminal is sized, written to and read", async () => {
  await using containerd = new StubContainerd();
  const stdin = makeFifo(containerd.dir), stdout = makeFifo(containerd.dir);
  await using reader = new FifoReader(stdout);
  await using writer = new FifoWriter(stdin);
  using client = await containerd.create("c", ["sh", "-c", "read x; stty size; echo got $x"], {
    stdin,
    stdout,
    terminal: true,
    override: { process: { terminal: true } },
  });
  await client.call("ResizePty", ResizeRequest, Empty, { width: 91, height: 17 });
  await client.start();
  await writer.write("word\n");
  const text = await reader.text();
  assert.match(text, /17 91\r\ngot word\r\n$/);
  await client.wait();
  // Neither a process without a terminal nor one that has ended makes this an error.
  await client.delete();
});

Deno.test("containerd shim io: what a terminal shows is in its FIFO when the exit is told", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const stdout = makeFifo(containerd.dir);
  // containerd's clients read on only until a task's delete, which they ask for after its exit.
  using reader = OwnedFd.open(stdout, O_RDONLY | O_NONBLOCK);
  const buffer = new Uint8Array(100);
  for (let round = 0; round < 40; round++) {
    const id = `e${round}`;
    await client.exec(id, ["sh", "-c", `echo ${id}`], { stdout, terminal: true });
    const exit = client.wait(id);
    await client.start(id);
    await within("the exit", exit);
    const count = readAvailable(reader.fd, buffer) ?? 0;
    assert.equal(new TextDecoder().decode(buffer.subarray(0, count)), `${id}\r\n`);
    await client.delete(id);
  }
});

Deno.test("containerd shim io: a terminal's delete is answered when its output is read", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const stdout = makeFifo(containerd.dir);
  using reader = OwnedFd.open(stdout, O_RDONLY | O_NONBLOCK);
  const script = "stty -opost; dd if=/dev/zero bs=1000 count=40 2>/dev/null";
  const run = async (id: string) => {
    await client.exec(id, ["sh", "-c", script], { stdout, terminal: true });
    const exit = client.wait(id);
    await client.start(id);
    await within("the exit", exit);
  };
  const buffer = new Uint8Array(10_000);
  /** Returns whether a delete was not answered before the last byte was read. */
  const isReadFirst = async (id: string): Promise<boolean> => {
    await run(id);
    let isDeleted = false;
    const deleting = client.delete(id).then(() => isDeleted = true);
    let isFirst = true;
    for (let bytes = 0; bytes < 40_000; bytes += readAvailable(reader.fd, buffer) ?? 0) {
      isFirst &&= !isDeleted;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await within("the delete", deleting);
    return isFirst;
  };
  let round = 0;
  // On a busy host this reader can be slower than it is waited for.
  while (!await isReadFirst(`e${round}`)) assert.ok(++round < 5);

  // A client that does not read holds nothing up for long.
  await run("unread");
  await within("the delete", client.delete("unread"));
  assert.equal(readAvailable(reader.fd, buffer), buffer.length);
});

Deno.test("containerd shim io: a terminal's delete waits until its output is copied, but not forever", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const run = async (id: string, script: string, stdout = "") => {
    await client.exec(id, ["sh", "-c", script], { stdout, terminal: stdout !== "" });
    const exit = client.wait(id);
    await client.start(id);
    await within("the exit", exit);
  };
  /** The ids of what is deleted. */
  const deleted: string[] = [];
  /** Runs and deletes what shows one line, for which its FIFO has no room. */
  const fill = async (id: string) => {
    const path = makeFifo(containerd.dir);
    const fifo = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
    write(fifo.fd, new Uint8Array(FIFO_SIZE));
    await run(id, "echo last", path);
    return { fifo, deleting: client.delete(id).then(() => void deleted.push(id)) };
  };
  const unread = await fill("unread"), read = await fill("read");
  using _full = unread.fifo;
  using reader = read.fifo;
  // Longer than a delete waits for the reader of what is copied.
  await run("other", "sleep 0.5");
  assert.ok(!deleted.includes("read"));
  const buffer = new Uint8Array(2 * FIFO_SIZE);
  assert.equal(readAvailable(reader.fd, buffer), FIFO_SIZE);
  await within("the delete", read.deleting);
  const count = readAvailable(reader.fd, buffer) ?? 0;
  assert.equal(new TextDecoder().decode(buffer.subarray(0, count)), "last\r\n");
  await within("the delete of what nobody reads", unread.deleting);
});

Deno.test("containerd shim io: what is asked of an exec before its start is done then", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const stdout = makeFifo(containerd.dir), stdin = makeFifo(containerd.dir);
  {
    await using reader = new FifoReader(stdout);
    const script = 'until [ "$(stty size 2>&1)" = "17 91" ]; do sleep 0.05; done; echo sized';
    await client.exec("t", ["sh", "-c", script], { stdin, stdout, terminal: true });
    await client.call("ResizePty", ResizeRequest, Empty, { exec_id: "t", width: 91, height: 17 });
    await client.start("t");
    assert.equal((await within("the exit", client.wait("t"))).exit_status, 0);
    assert.equal(await reader.text(), "sized\r\n");
    // One that has ended has no size any more, which is no error.
    await client.call("ResizePty", ResizeRequest, Empty, { exec_id: "t", width: 1, height: 1 });
    await client.delete("t");
  }
  await using reader = new FifoReader(stdout);
  await client.exec("cat", ["cat"], { stdin, stdout });
  await client.call("CloseIO", CloseIoRequest, Empty, { exec_id: "cat", stdin: true });
  await client.start("cat");
  assert.equal((await within("the exit", client.wait("cat"))).exit_status, 0);
  assert.equal(await reader.text(), "");
  const none = { exec_id: "none" };
  await assert.rejects(client.call("ResizePty", ResizeRequest, Empty, none), /none/);
  const close = { ...none, stdin: true };
  await assert.rejects(client.call("CloseIO", CloseIoRequest, Empty, close), /none/);
});

Deno.test("containerd shim io: CloseIO ends stdin, once its writers are gone", async () => {
  await using containerd = new StubContainerd();
  const stdin = makeFifo(containerd.dir), stdout = makeFifo(containerd.dir);
  await using reader = new FifoReader(stdout);
  using client = await containerd.create("c", ["cat"], { stdin, stdout });
  await client.start();
  {
    await using first = new FifoWriter(stdin);
    await first.write("one\n");
    await first.close();
  }
  await using second = new FifoWriter(stdin);
  await second.write("two\n");
  // Before it has opened the FIFO there is no writer, and a CloseIO is the end at once.
  const output = reader.stream.getReader();
  assert.equal(await readUntil(output, "two\n"), "one\ntwo\n");
  assert.equal((await client.state()).status, STATUS.running);
  await client.call("CloseIO", CloseIoRequest, Empty, { stdin: true });
  await client.call("CloseIO", CloseIoRequest, Empty, { stdin: true });
  await second.close();
  assert.equal((await client.wait()).exit_status, 0);
  assert.ok((await output.read()).done);
  await client.call("ResizePty", ResizeRequest, Empty, { width: 1, height: 1 });
  await client.delete();
});

Deno.test("containerd shim io: a stdin that ends while its container is created is closed then", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  const stdin = makeFifo(containerd.dir), stdout = makeFifo(containerd.dir);
  await using reader = new FifoReader(stdout);
  containerd.makeBundle("c", ["cat"]);
  using client = await containerd.start("c", { options: { binary_name: runtime.path } });
  // Where the create fails there is no task.
  runtime.fail("create", "refused");
  const [failed, unknown] = await Promise.allSettled([client.create(), client.state()]);
  assert.match(String(failed.status === "rejected" && failed.reason), /refused/);
  assert.match(String(unknown.status === "rejected" && unknown.reason), /not created: c/);
  const release = runtime.hang("create");
  const created = client.create({ stdin, stdout });
  await runtime.called("create", 2);
  await using writer = new FifoWriter(stdin);
  await writer.write("all\n");
  // As nerdctl does at the end of its own stdin, once: it looks for the task, and closes its stdin.
  const closed = Promise.allSettled([
    client.state().then(async ({ status }) => {
      await client.call("CloseIO", CloseIoRequest, Empty, { stdin: true });
      return status;
    }),
  ]);
  // One that nobody creates is told at once.
  await assert.rejects(client.call("State", ProcessRequest, StateResponse, { id: "d" }), /: d$/);
  release();
  await created;
  const [answer] = await within("the answer", closed);
  assert.deepEqual(answer, { status: "fulfilled", value: STATUS.created });
  await client.start();
  await writer.close();
  assert.equal((await within("the exit", client.wait())).exit_status, 0);
  assert.equal(await reader.text(), "all\n");
  await client.delete();
});
