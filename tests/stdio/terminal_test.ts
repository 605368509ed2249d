// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { FailedPreconditionError, NotFoundError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FifoReader, FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { audited } from "../harness/leaks/audited.ts";
import { until, within } from "../harness/poll.ts";
import { openFiles, readProcess } from "../harness/processes.ts";
import type { JsonObject } from "../harness/rootfs.ts";

/** The client's ends of one terminal: FIFOs, and what the terminal has shown so far. */
class Screen implements AsyncDisposable {
  readonly stdin: string;
  readonly stdout: string;
  shown = "";
  readonly #reader: FifoReader;
  readonly #writer: FifoWriter;
  readonly #ended: Promise<void>;

  constructor(daemon: TestDaemon) {
    this.stdin = makeFifo(daemon.dir);
    this.stdout = makeFifo(daemon.dir);
    this.#reader = new FifoReader(this.stdout);
    this.#writer = new FifoWriter(this.stdin);
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#reader.stream) {
      this.shown += decoder.decode(chunk, { stream: true });
    }
  }

  async type(text: string): Promise<void> {
    await this.#writer.write(text);
  }

  /** Waits until it has shown this, counted from the `from`-th character. */
  async shows(text: string, from = 0): Promise<void> {
    await until(`${JSON.stringify(text)} on the terminal`, () => {
      return this.shown.slice(from).includes(text);
    }).catch((error) => {
      throw new Error(`${error.message}; it shows ${JSON.stringify(this.shown)}`);
    });
  }

  /** Waits for the end of the output; returns all of it. */
  async end(): Promise<string> {
    await within("the end of the terminal's output", this.#ended);
    return this.shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.kill();
    await this.#ended;
    await this.#writer[Symbol.asyncDispose]();
  }
}

async function create(
  daemon: TestDaemon,
  id: string,
  args: string[],
  stdio: { stdin?: string; stdout?: string },
  override?: JsonObject,
): Promise<void> {
  const spec = daemon.spec(args, override);
  const { stdin, stdout } = stdio;
  await daemon.client.call("container.create", {
    id,
    spec,
    terminal: true,
    ...(stdin === undefined ? {} : { stdin }),
    ...(stdout === undefined ? {} : { stdout }),
  });
}

function masters(pid: number): number {
  return openFiles(pid).filter((target) => /ptmx|pts/.test(target)).length;
}

Deno.test("terminal: init with a terminal: a person at it sees a prompt, types, and it ends with exit", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await using screen = new Screen(daemon);
    await create(daemon, "c", ["sh"], screen);
    const state = await daemon.stateOf("c");
    assert.equal(state.terminal, true);
    await client.call("container.start", { id: "c" });
    assert.equal(masters(state.shimPid) > 0, true, "the shim has the master");
    await screen.shows("# ");
    await screen.type("tty; test -t 0 && test -t 1 && test -t 2 && echo all three\n");
    await screen.shows("\r\n/dev/pts/0\r\nall three\r\n");
    await screen.type("exit 9\n");
    assert.equal((await daemon.exitOf("c")).exitStatus, 9);
    assert.match(await screen.end(), /exit 9\r\n$/, "all of it, then the end");
    await until("the master to be closed", () => masters(state.shimPid) === 0);
    await client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: resize: before the start, while it runs, and a typed error after the exit", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await using screen = new Screen(daemon);
    const script = "while :; do stty size; read line; done";
    await create(daemon, "c", ["sh", "-c", script], screen);
    await client.call("container.resizePty", { id: "c", width: 91, height: 17 });
    await client.call("container.start", { id: "c" });
    await screen.shows("17 91\r\n");
    await client.call("container.resizePty", { id: "c", width: 132, height: 43 });
    await screen.type("\n");
    await screen.shows("43 132\r\n");
    for (const [width, height] of [[0, 10], [10, 0], [65_536, 1], [1.5, 1]]) {
      await assert.rejects(
        client.call("container.resizePty", {
          id: "c",
          width: Number(width),
          height: Number(height),
        }),
        { kind: "InvalidParams" },
      );
    }
    await client.call("container.kill", { id: "c", signal: "KILL" });
    await daemon.exitOf("c");
    await assert.rejects(
      client.call("container.resizePty", { id: "c", width: 80, height: 25 }),
      (error) => {
        assert.ok(error instanceof FailedPreconditionError, String(error));
        assert.match(error.message, /container c.*stopped/);
        return true;
      },
    );
    await client.call("container.delete", { id: "c" });

    await daemon.run("plain", ["sleep", "1000"]);
    await assert.rejects(
      client.call("container.resizePty", { id: "plain", width: 80, height: 25 }),
      (error) => {
        assert.ok(error instanceof FailedPreconditionError, String(error));
        assert.match(error.message, /it has none/);
        return true;
      },
    );
    await daemon.remove("plain");
  });
});

Deno.test("terminal: an exec has a terminal of its own, resized and closed by itself", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await daemon.run("c", ["sleep", "1000"]);
    const { shimPid } = await daemon.stateOf("c");
    for (let round = 0; round < 3; round++) {
      await using screen = new Screen(daemon);
      const { execId } = await client.call("container.exec", {
        id: "c",
        process: { args: ["sh"], env: ["PS1=exec> "] },
        terminal: true,
        stdin: screen.stdin,
        stdout: screen.stdout,
      });
      await screen.shows("exec> ");
      await client.call("container.resizePty", { id: "c", execId, width: 70 + round, height: 20 });
      await screen.type("stty size; tty\n");
      await screen.shows(`20 ${70 + round}\r\n/dev/pts/`);
      await assert.rejects(
        client.call("container.resizePty", { id: "c", width: 80, height: 25 }),
        FailedPreconditionError,
        "init has none",
      );
      await screen.type("exit 4\n");
      assert.equal((await daemon.exitOf("c", execId)).exitStatus, 4);
      await screen.end();
      const resize = { id: "c", execId, width: 80, height: 25 };
      await assert.rejects(client.call("container.resizePty", resize), FailedPreconditionError);
      await client.call("container.deleteProcess", { id: "c", execId });
      await assert.rejects(client.call("container.resizePty", resize), NotFoundError);
      await until("the master to be closed", () => masters(shimPid) === 0);
    }
    await daemon.remove("c");
  });
});

Deno.test("terminal: an exec at a terminal may end before anybody looks", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["sleep", "1000"]);
  for (let round = 0; round < 10; round++) {
    const exec = { id: "one", execId: `exec${round}` };
    await using screen = new Screen(daemon);
    const { stdin, stdout } = screen;
    const process = { args: ["true"] };
    await daemon.client.call("container.exec", { ...exec, process, terminal: true, stdin, stdout });
    assert.equal((await daemon.client.call("container.wait", exec)).exitStatus, 0);
    await daemon.client.call("container.deleteProcess", exec);
  }
});

Deno.test("terminal: 10 MB through a terminal are complete and in order", async () => {
  await audited(async (daemon) => {
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await create(daemon, "c", ["sh", "-c", "seq 1 2000000 | head -c 10000000"], { stdout });
    await daemon.client.call("container.start", { id: "c" });
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of reader.stream) {
      hash.update(chunk);
      size += chunk.length;
    }
    // A terminal makes CR LF of each LF (ONLCR, termios(3)).
    let expected = "";
    let bytes = 0;
    for (let i = 1; bytes < 10_000_000; i++) {
      const line = `${i}\n`.slice(0, 10_000_000 - bytes);
      bytes += line.length;
      expected += line.replace("\n", "\r\n");
    }
    assert.equal(size, expected.length);
    assert.equal(hash.digest("hex"), createHash("sha256").update(expected).digest("hex"));
    assert.equal((await daemon.exitOf("c")).exitStatus, 0);
    await daemon.client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: Ctrl-C interrupts, Ctrl-D ends the input", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await using screen = new Screen(daemon);
    await create(daemon, "c", ["sh"], screen);
    await client.call("container.start", { id: "c" });
    await screen.shows("# ");
    await screen.type("sleep 1000; echo status $?\n");
    // A shell reads ahead what is typed before it has started its child, which gets the terminal
    // before it becomes the command.
    const child = (command: string) =>
      until(`${command} in the shell`, async () => {
        const { processes } = await client.call("container.pids", { id: "c" });
        return processes.some(({ pid }) => readProcess(pid)?.command === command);
      });
    await child("sleep 1000");
    await screen.type("\x03");
    await screen.shows("^C");
    await screen.type("echo go on\n");
    await screen.shows("\r\ngo on\r\n");
    await screen.type("cat; echo cat is done\n");
    await child("cat");
    await screen.type("line\n");
    await screen.shows("line\r\nline\r\n");
    await screen.type("\x04");
    const end = "\r\ncat is done\r\n";
    await screen.shows(end);
    // Before the shell has made the terminal its own and shows its prompt, the end would be lost.
    await screen.shows("# ", screen.shown.indexOf(end));
    await screen.type("\x04");
    assert.equal((await daemon.exitOf("c")).exitStatus, 0);
    await client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: raw input reaches an editor's like key by key, every byte of it", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await using screen = new Screen(daemon);
    const script = "stty raw -echo; echo ready; dd bs=1 count=259 2>/dev/null | md5sum; stty sane";
    await create(daemon, "c", ["sh", "-c", script], screen);
    await client.call("container.start", { id: "c" });
    await screen.shows("ready");
    const keys = "\x1b[A\x03\x04";
    const rest = Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1)).join("");
    const sent = (keys + rest + rest).slice(0, 259);
    assert.equal(sent.length, 259);
    for (const key of keys) await screen.type(key);
    await screen.type(sent.slice(keys.length));
    await screen.shows(createHash("md5").update(sent).digest("hex"));
    assert.equal((await daemon.exitOf("c")).exitStatus, 0);
    await client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: a terminal without stdin, and one without anything, work", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdout = makeFifo(daemon.dir);
    await using reader = new FifoReader(stdout);
    await create(daemon, "c", ["sh", "-c", "tty; exit 3"], { stdout });
    await client.call("container.start", { id: "c" });
    assert.equal(await within("the end", reader.text()), "/dev/pts/0\r\n");
    assert.equal((await daemon.exitOf("c")).exitStatus, 3);
    await client.call("container.delete", { id: "c" });

    // Its output is taken although it has no reader, or it would wait forever.
    await create(daemon, "c", ["sh", "-c", "seq 100000; exit 4"], {});
    await client.call("container.start", { id: "c" });
    const { exitStatus } = await within("its exit", daemon.exitOf("c"));
    assert.equal(exitStatus, 4);
    await client.call("container.delete", { id: "c" });

    const file = `${daemon.dir}/file`;
    await create(daemon, "c", ["sh", "-c", "seq 3"], { stdout: `file://${file}` });
    await client.call("container.start", { id: "c" });
    await daemon.exitOf("c");
    await client.call("container.delete", { id: "c" });
    assert.equal(await Deno.readTextFile(file), "1\r\n2\r\n3\r\n");
  }, { ignoreFiles: /^(fifo-|file)/ });
});

Deno.test("terminal: output that nobody reads stops the process, not the shim, and is kept", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    const stdout = makeFifo(daemon.dir);
    await create(daemon, "c", ["sh", "-c", "seq 100000; exit 5"], { stdout });
    await client.call("container.start", { id: "c" });
    // The shim still does what it is asked.
    const { execId } = await client.call("container.exec", {
      id: "c",
      process: { args: ["true"] },
    });
    assert.equal((await daemon.exitOf("c", execId)).exitStatus, 0);
    await client.call("container.resizePty", { id: "c", width: 80, height: 25 });
    assert.equal((await daemon.stateOf("c")).status, "running");
    for (let round = 0; round < 2; round++) {
      await using reader = new FifoReader(stdout);
      const stream = reader.stream.getReader();
      await within("some output", stream.read());
      await reader.kill();
      await stream.cancel();
    }
    await using reader = new FifoReader(stdout);
    const text = await within("the end", reader.text());
    assert.ok(text.endsWith("\r\n99999\r\n100000\r\n"));
    assert.equal((await daemon.exitOf("c")).exitStatus, 5);
    await client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: a terminal goes on when the daemon is killed and comes back", async () => {
  await audited(async (daemon) => {
    await using screen = new Screen(daemon);
    await create(daemon, "c", ["sh"], screen);
    await daemon.client.call("container.start", { id: "c" });
    await screen.shows("# ");
    await daemon.kill9();
    await screen.type("echo while $((1 + 1)) it is gone\n");
    await screen.shows("while 2 it is gone\r\n");
    await daemon.start();
    await daemon.connected("c");
    await daemon.client.call("container.resizePty", { id: "c", width: 99, height: 33 });
    await screen.type("stty size\n");
    await screen.shows("33 99\r\n");
    await screen.type("exit 2\n");
    assert.equal((await daemon.exitOf("c")).exitStatus, 2);
    await daemon.client.call("container.delete", { id: "c" });
  });
});

Deno.test("terminal: a child that keeps the terminal delays neither exit nor delete; closeStdin hangs nothing up", async () => {
  await audited(async (daemon) => {
    const { client } = daemon;
    await daemon.run("c", ["sleep", "1000"]);
    await using screen = new Screen(daemon);
    const script = "trap '' HUP; sleep 1001 & echo started; exit 6";
    const { execId } = await client.call("container.exec", {
      id: "c",
      process: { args: ["sh", "-c", script] },
      terminal: true,
      stdin: screen.stdin,
      stdout: screen.stdout,
    });
    await screen.shows("started");
    await client.call("container.closeStdin", { id: "c", execId });
    const wait = daemon.exitOf("c", execId);
    assert.equal((await within("its exit", wait)).exitStatus, 6);
    const remove = client.call("container.deleteProcess", { id: "c", execId });
    assert.equal((await within("its delete", remove)).exitStatus, 6);
    await screen.end();
    await daemon.remove("c");
  });
});
