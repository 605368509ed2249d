// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { FifoReader, FifoWriter, makeFifo, readUntil } from "../harness/io/fifo.ts";
import { audited } from "../harness/leaks/audited.ts";
import { until, within } from "../harness/poll.ts";
import { hasEnded, isGone, readProcess } from "../harness/processes.ts";
import type { JsonObject } from "../harness/rootfs.ts";

/** Stdio params of a create. */
interface Stdio {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Creates and starts a container with a shell script and this stdio. */
async function run(daemon: TestDaemon, id: string, script: string, stdio: Stdio): Promise<number> {
  const spec: JsonObject = daemon.spec(["sh", "-c", script]);
  await daemon.client.call("container.create", { id, spec, ...stdio });
  return (await daemon.client.call("container.start", { id })).pid;
}

/** Waits for its exit and deletes it; returns the exit status. */
async function finish(daemon: TestDaemon, id: string): Promise<number> {
  const { exitStatus } = await within(`the exit of ${id}`, daemon.exitOf(id));
  await daemon.client.call("container.delete", { id });
  return exitStatus;
}

Deno.test("stdio: a reader gets every byte and then the end, though the process exits at once", async () => {
  await audited(async (daemon) => {
    for (let round = 0; round < 5; round++) {
      const stdout = makeFifo(daemon.dir);
      const stderr = makeFifo(daemon.dir);
      await using out = new FifoReader(stdout);
      await using err = new FifoReader(stderr);
      await run(daemon, "c", "seq 1000; echo oops >&2; exit 3", { stdout, stderr });
      const lines = Array.from({ length: 1000 }, (_, index) => `${index + 1}\n`).join("");
      assert.equal(await within("the end of stdout", out.text()), lines);
      assert.equal(await within("the end of stderr", err.text()), "oops\n");
      assert.equal(await finish(daemon, "c"), 3);
    }
  });
});

Deno.test("stdio: output with no reader is kept for the one who comes, also after the exit", async () => {
  await audited(async (daemon) => {
    const stdout = makeFifo(daemon.dir);
    await run(daemon, "c", "echo kept; exit 4", { stdout });
    assert.equal((await daemon.exitOf("c")).exitStatus, 4);
    await using late = new FifoReader(stdout);
    assert.equal(await within("the end of stdout", late.text()), "kept\n");
    await daemon.client.call("container.delete", { id: "c" });
  });
});

Deno.test("stdio: readers come, go, are killed and come back; the writer waits, nothing is lost", async () => {
  await audited(async (daemon) => {
    const stdout = makeFifo(daemon.dir);
    const stdin = makeFifo(daemon.dir);
    const script = "while read n; do echo line $n; done; echo end";
    await using writer = new FifoWriter(stdin);
    const pid = await run(daemon, "c", script, { stdin, stdout });
    const startTime = readProcess(pid)?.startTime;
    for (let round = 0; round < 4; round++) {
      const reader = new FifoReader(stdout);
      const stream = reader.stream.getReader();
      await writer.write(`${round}a\n`);
      assert.match(await readUntil(stream, `${round}a\n`), new RegExp(`line ${round}a\n$`));
      await reader.kill();
      await stream.cancel();
      // Without a reader: it is kept for the next.
      await writer.write(`${round}b\n`);
      await using next = new FifoReader(stdout);
      const nextStream = next.stream.getReader();
      assert.equal(await readUntil(nextStream, "b\n"), `line ${round}b\n`);
      await next.kill();
      await nextStream.cancel();
      assert.equal(readProcess(pid)?.startTime, startTime, "it lives");
    }
    await using last = new FifoReader(stdout);
    await writer.close();
    await daemon.client.call("container.closeStdin", { id: "c" });
    assert.equal(await within("the end of stdout", last.text()), "end\n");
    assert.equal(await finish(daemon, "c"), 0);
  });
});

Deno.test("stdio: a FIFO that is full lets the process wait, not die, and not the daemon", async () => {
  await audited(async (daemon) => {
    const stdout = makeFifo(daemon.dir);
    const size = 3_000_000;
    const pid = await run(daemon, "c", `yes | head -c ${size}`, {
      stdout,
    });
    await until("the writer to wait", () => {
      const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
      return children !== "" && children.split(" ").every((child) => {
        return readProcess(Number(child))?.state === "S";
      });
    });
    assert.equal(await daemon.life("other"), 0);
    assert.equal((await daemon.stateOf("c")).status, "running");
    await using reader = new FifoReader(stdout);
    assert.equal((await within("the rest", reader.bytes())).length, size);
    assert.equal(await finish(daemon, "c"), 0);
  }, { config: COLD });
});

Deno.test("stdio: 200 MB through stdout arrive byte by byte as they were written", async () => {
  await audited(async (daemon) => {
    const stdout = makeFifo(daemon.dir);
    const stderr = makeFifo(daemon.dir);
    await using out = new FifoReader(stdout);
    await using err = new FifoReader(stderr);
    await run(
      daemon,
      "c",
      [
        // 200 MB that repeat nowhere near a buffer's size, made by busybox alone.
        "mkfifo /tmp/copy",
        "sha256sum </tmp/copy >&2 &",
        "seq 1 30000000 | head -c 200000000 | tee /tmp/copy",
        "wait",
      ].join("\n"),
      { stdout, stderr },
    );
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of out.stream) {
      hash.update(chunk);
      size += chunk.length;
    }
    assert.equal(size, 200_000_000);
    assert.equal(hash.digest("hex"), (await err.text()).split(" ")[0]);
    assert.equal(await finish(daemon, "c"), 0);
  });
});

Deno.test("stdio: stdout and stderr may be one FIFO or one file: both in the order written", async () => {
  await audited(async (daemon) => {
    const script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done";
    const expected = [1, 2, 3, 4, 5].map((i) => `out ${i}\nerr ${i}\n`).join("");
    const both = makeFifo(daemon.dir);
    await using reader = new FifoReader(both);
    await run(daemon, "c", script, { stdout: both, stderr: both });
    assert.equal(await within("the end", reader.text()), expected);
    await finish(daemon, "c");

    const file = `${daemon.dir}/file`;
    for (let round = 1; round <= 2; round++) {
      await run(daemon, "c", script, { stdout: `file://${file}`, stderr: `file://${file}` });
      await finish(daemon, "c");
      assert.equal(await Deno.readTextFile(file), expected.repeat(round), "it is appended to");
    }
    const { mode, uid } = await Deno.stat(file);
    assert.equal((mode ?? 0) & 0o007, 0, "not for everybody");
    assert.equal(uid, 0);
  }, { ignoreFiles: /^(fifo-|file)/ });
});

Deno.test("stdio: no stdio given: stdin is at its end, output is gone", async () => {
  await audited(async (daemon) => {
    await run(daemon, "c", "read line && exit 9; echo nobody; echo sees >&2 || exit 8; exit 6", {});
    assert.equal(await finish(daemon, "c"), 6);
    // Some of it only.
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await run(daemon, "c", "cat; echo out; echo err >&2", { stdout });
    assert.equal(await within("the end", reader.text()), "out\n");
    assert.equal(await finish(daemon, "c"), 0);
  });
});

Deno.test("stdio: stdin: data before the start, writers that come and go, then closeStdin", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdin = makeFifo(daemon.dir);
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await client.call("container.create", {
      id: "c",
      spec: daemon.spec(["cat"]),
      stdin,
      stdout,
    });
    for (const text of ["before start 1\n", "before start 2\n"]) {
      await using writer = new FifoWriter(stdin);
      await writer.write(text);
      await writer.close();
    }
    await client.call("container.start", { id: "c" });
    const stream = reader.stream.getReader();
    await readUntil(stream, "start 2\n");
    for (let i = 0; i < 3; i++) {
      await using writer = new FifoWriter(stdin);
      await writer.write(`writer ${i}\n`);
      assert.equal(await readUntil(stream, "\n"), `writer ${i}\n`);
      await writer.close();
    }
    assert.equal((await daemon.stateOf("c")).status, "running");
    {
      // EOF comes only when the last writer has gone too, not before.
      await using writer = new FifoWriter(stdin);
      await writer.write("last\n");
      await readUntil(stream, "last\n");
      await client.call("container.closeStdin", { id: "c" });
      await client.call("container.closeStdin", { id: "c" });
      await writer.write("very last\n");
      await readUntil(stream, "very last\n");
      assert.equal((await daemon.stateOf("c")).status, "running");
      await writer.close();
    }
    assert.equal(await finish(daemon, "c"), 0);
    assert.equal((await stream.read()).done, true);
  });
});

Deno.test("stdio: closeStdin before the start lets the process read what is there, then the end", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdin = makeFifo(daemon.dir);
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await client.call("container.create", { id: "c", spec: daemon.spec(["cat"]), stdin, stdout });
    await using writer = new FifoWriter(stdin);
    await writer.write("early\n");
    await writer.close();
    await client.call("container.closeStdin", { id: "c" });
    await client.call("container.start", { id: "c" });
    assert.equal(await within("the end", reader.text()), "early\n");
    assert.equal(await finish(daemon, "c"), 0);

    // With nothing at all in it.
    await client.call("container.create", { id: "c", spec: daemon.spec(["cat"]), stdin });
    await client.call("container.closeStdin", { id: "c" });
    await client.call("container.start", { id: "c" });
    assert.equal(await finish(daemon, "c"), 0);
  });
});

Deno.test("stdio: a background child that keeps the stdio open delays neither the exit nor the delete", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdin = makeFifo(daemon.dir);
    const stdout = makeFifo(daemon.dir);
    // Without a pid namespace of its own the child outlives init, and is killed before its exit is told.
    const spec = daemon.spec(["sh", "-c", "sleep 1000 & echo $!; exit 5"], {
      linux: { namespaces: ["ipc", "uts", "mount"].map((type) => ({ type })) },
    });
    await client.call("container.create", { id: "c", spec, stdin, stdout, stderr: stdout });
    await client.call("container.start", { id: "c" });
    const { exitStatus } = await within("the exit", daemon.exitOf("c"));
    assert.equal(exitStatus, 5);
    await using reader = new FifoReader(stdout);
    const stream = reader.stream.getReader();
    const child = Number(await readUntil(stream, "\n"));
    // Whether its parent has reaped it is another matter.
    assert.ok(hasEnded(child), "the child has ended");
    await within("the delete", client.call("container.delete", { id: "c" }));
    await stream.cancel();

    // The same of an exec, whose child may well live on.
    await daemon.run("d", ["sleep", "1000"]);
    const process = { args: ["sh", "-c", "sleep 1001 & exit 7"] };
    const { execId } = await client.call("container.exec", { id: "d", process, stdout });
    const exec = await within("its exit", daemon.exitOf("d", execId));
    assert.equal(exec.exitStatus, 7);
    await within("its delete", client.call("container.deleteProcess", { id: "d", execId }));
    const { processes } = await client.call("container.pids", { id: "d" });
    assert.equal(processes.length, 2, "the child goes on");
    await daemon.remove("d");
  });
});

Deno.test("stdio: a daemon that is killed takes no container with it, and no output is lost", async () => {
  await audited(async (daemon) => {
    const stdin = makeFifo(daemon.dir);
    const stdout = makeFifo(daemon.dir);
    await using writer = new FifoWriter(stdin);
    await using reader = new FifoReader(stdout);
    const stream = reader.stream.getReader();
    await run(daemon, "c", "while read n; do echo got $n; done; echo end", { stdin, stdout });
    await writer.write("1\n");
    await readUntil(stream, "got 1\n");
    await daemon.kill9();
    await writer.write("2\n");
    await readUntil(stream, "got 2\n");
    await daemon.start();
    await daemon.connected("c");
    await writer.write("3\n");
    await readUntil(stream, "got 3\n");
    await writer.close();
    await daemon.client.call("container.closeStdin", { id: "c" });
    await readUntil(stream, "end\n");
    assert.equal(await finish(daemon, "c"), 0);
    await stream.cancel();
  });
});

Deno.test("stdio: a container whose shim is killed does not die of SIGPIPE", async () => {
  await using daemon = await TestDaemon.start();
  const stdout = makeFifo(daemon.dir);
  const pid = await run(
    daemon,
    "c",
    "trap 'echo piped >/tmp/x' PIPE; while :; do echo x; sleep 0.01; done",
    {
      stdout,
    },
  );
  {
    await using reader = new FifoReader(stdout);
    await readUntil(reader.stream.getReader(), "x\n");
    await reader.kill();
  }
  // No berth is left that would kill it or clean up: only the container and what it writes to.
  const shimPid = await daemon.killWithShim("c");
  await until("the end of the shim", () => isGone(shimPid));
  await using reader = new FifoReader(stdout);
  const stream = reader.stream.getReader();
  await readUntil(stream, "x\n");
  assert.notEqual(readProcess(pid), undefined);
  // With a full FIFO and no reader it waits.
  await reader.kill();
  await stream.cancel();
  assert.ok(!isGone(pid));
});
