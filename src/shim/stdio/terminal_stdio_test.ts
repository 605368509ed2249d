// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "../../linux/fd/fd_testing.ts";
import { until } from "../../../tests/harness/poll.ts";
import { hasTrap } from "../../../tests/harness/processes.ts";
import { close, O_NONBLOCK, O_RDONLY, O_WRONLY, open, write } from "../../linux/fd/fd.ts";
import { parseSignal } from "../../linux/process/signals.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { NO_STDIO, TestArea } from "../testing/bundle_testing.ts";
import type { TestService } from "../testing/bundle_testing.ts";

const bytes = (value: string) => new TextEncoder().encode(value);

/** Reads `path` to its end without holding up this process, which has to write it. */
async function cat(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [path], stdout: "piped" }).output();
  return new TextDecoder().decode(stdout);
}

/** Collects what comes out of a FIFO until it ends. */
class Collector {
  text = "";
  readonly done: Promise<void>;
  readonly #cat: Deno.ChildProcess;

  constructor(path: string) {
    this.#cat = new Deno.Command("cat", { args: [path], stdout: "piped" }).spawn();
    this.done = this.#collect();
  }

  async #collect(): Promise<void> {
    for await (const chunk of this.#cat.stdout.pipeThrough(new TextDecoderStream())) {
      this.text += chunk;
    }
    await this.#cat.status;
  }
}

async function start(test: TestService): Promise<void> {
  await test.service.create();
  await test.service.start();
}

/** Deno.Command is in use here, whose children a reaper of all would steal. */
function newArea(): TestArea {
  return new TestArea({ steal: false });
}

Deno.test("terminal stdio: a terminal's output is copied to its end, a size set before the start holds", async () => {
  await using area = newArea();
  const stdout = area.fifo("out");
  const output = new Collector(stdout);
  const test = area.service({
    args: ["/bin/sh", "-c", "stty size; test -t 0 && test -t 2 && exit 3"],
    stdio: { terminal: true, stdout },
  });
  await test.service.create();
  test.service.processes.resizePty({ width: 101, height: 37 });
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 3);
  await output.done;
  assert.equal(output.text, "37 101\r\n");
  assert.throws(
    () => test.service.processes.resizePty({ width: 1, height: 1 }),
    FailedPreconditionError,
  );
  await test.service.delete({});
});

Deno.test("terminal stdio: what a terminal wrote last waits for a reader", async () => {
  await using area = newArea();
  const stdout = area.fifo("out");
  const test = area.service({
    args: ["/bin/sh", "-c", "echo last words"],
    stdio: { terminal: true, stdout },
  });
  await start(test);
  await test.service.processes.wait({});
  assert.equal(await cat(stdout), "last words\r\n");
  await test.service.delete({});
});

Deno.test("terminal stdio: input reaches a terminal, and Ctrl-C and Ctrl-D do what they should", async () => {
  await using area = newArea();
  const stdin = area.fifo("in");
  const stdout = area.fifo("out");
  const output = new Collector(stdout);
  const test = area.service({
    args: ["/bin/sh", "-c", "trap 'echo interrupted' INT; while ! read x; do :; done; cat; exit 9"],
    stdio: { terminal: true, stdin, stdout },
  });
  await start(test);
  const { pid } = test.service.state();
  await until("the trap is set", () => hasTrap(pid, parseSignal("INT")));
  const writer = open(stdin, O_WRONLY | O_NONBLOCK);
  write(writer, bytes("\x03"));
  await until("the interrupt", () => output.text.includes("interrupted"));
  write(writer, bytes("x\nhello\n"));
  await until("it is echoed by cat", () => output.text.split("hello").length === 3);
  close(writer);
  test.service.processes.resizePty({ width: 90, height: 20 });
  const again = open(stdin, O_WRONLY | O_NONBLOCK);
  write(again, bytes("\x04"));
  close(again);
  assert.equal((await test.service.processes.wait({})).exitStatus, 9);
  await output.done;
  await test.service.delete({});
});

Deno.test("terminal stdio: 10 MB through a terminal are complete and in order", async () => {
  await using area = newArea();
  const stdout = area.fifo("out");
  const output = new Collector(stdout);
  const first = 10_000_000;
  const lines = 1_200_000;
  const test = area.service({
    args: ["/bin/sh", "-c", `stty -opost; seq ${first} ${first + lines - 1}`],
    stdio: { terminal: true, stdout },
  });
  await start(test);
  assert.equal((await test.service.processes.wait({})).exitStatus, 0);
  await output.done;
  const got = output.text.split("\n");
  assert.equal(got.length, lines + 1);
  const wrong = got.findIndex((line, index) => index < lines && Number(line) !== first + index);
  assert.equal(wrong, -1, `line ${wrong} is ${got[wrong]}`);
  await test.service.delete({});
});

Deno.test("terminal stdio: a terminal that nobody reads stops its process, not the shim", async () => {
  await using area = newArea();
  const stdout = area.fifo("out");
  const test = area.service({
    args: ["/bin/sh", "-c", "while :; do echo much; done"],
    stdio: { terminal: true, stdout },
  });
  const before = countOpenFds();
  await start(test);
  assert.equal(test.service.state().status, "running");
  const reader = open(stdout, O_RDONLY | O_NONBLOCK);
  close(reader);
  await test.service.processes.kill({ signal: 9 });
  assert.equal((await test.service.processes.wait({})).exitStatus, 137);
  await test.service.delete({});
  await area.poller[Symbol.asyncDispose]();
  assert.ok(countOpenFds() <= before, "no fd is left");
});

Deno.test("terminal stdio: an exec has its own terminal, which closes with it", async () => {
  await using area = newArea();
  const stdout = `${area.dir}/exec.log`;
  const test = area.service();
  await start(test);
  await test.service.exec({
    execId: "x".repeat(76),
    process: { args: ["/bin/sh", "-c", "test -t 1 && echo mine; exit 2"] },
    stdio: { ...NO_STDIO, terminal: true, stdout: `file://${stdout}` },
  });
  const target = { execId: "x".repeat(76) };
  assert.equal((await test.service.processes.wait(target)).exitStatus, 2);
  await until("the output is copied", () => Deno.readTextFileSync(stdout) === "mine\r\n");
  await test.service.delete(target);
  assert.deepEqual(
    Array.from(Deno.readDirSync(test.paths.dir), ({ name }) => name).filter((name) =>
      name.startsWith("x")
    ),
    [],
  );
});

Deno.test("terminal stdio: a background child that keeps the terminal delays neither exit nor delete", async () => {
  await using area = newArea();
  const stdout = area.fifo("out");
  const test = area.service();
  await start(test);
  await test.service.exec({
    execId: "e",
    process: { args: ["/bin/sh", "-c", "trap '' HUP; sleep 1000 & exit 6"] },
    stdio: { ...NO_STDIO, terminal: true, stdout },
  });
  assert.equal((await test.service.processes.wait({ execId: "e" })).exitStatus, 6);
  assert.equal((await test.service.delete({ execId: "e" })).exitStatus, 6);
});
