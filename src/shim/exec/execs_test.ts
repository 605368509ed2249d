// SPDX-License-Identifier: MIT
//
// Of an exec in two steps runc is run between them, and waits for the second.
import assert from "node:assert/strict";
import { heapInUse } from "../../../tests/harness/memory.ts";
import { until } from "../../../tests/harness/poll.ts";
import { listProcesses } from "../../../tests/harness/processes.ts";
import { findCgroup, freeze, freezerState, thaw } from "../../linux/cgroup/cgroup.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { O_NONBLOCK, O_WRONLY, OwnedFd, write } from "../../linux/fd/fd.ts";
import { ENXIO, isErrno } from "../../linux/libc/errno.ts";
import { kill } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { FailedPreconditionError, RuntimeError } from "../../rpc/errors.ts";
import { NO_STDIO, TestArea, type TestContainer } from "../testing/bundle_testing.ts";

function request(execId: string, ...args: string[]) {
  return { execId, process: { args }, stdio: NO_STDIO };
}

function read(file: Deno.FsFile): string {
  const buffer = new Uint8Array(1000);
  return new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
}

/** Starts a container, and has each call of the runtime from then on noted. */
async function running(area: TestArea, container: TestContainer = {}) {
  const record = { directStart: true, ...container.record };
  const test = area.service({ ...container, record });
  await test.service.create();
  await test.service.start();
  const calls: string[][] = [];
  const spawn = area.reaper.spawn.bind(area.reaper);
  area.reaper.spawn = (argv, options) => {
    calls.push([...argv]);
    return spawn(argv, options);
  };
  /** Resolves once so many calls have been made and `waiting` of them have not ended. */
  const called = async (count: number, waiting: number) =>
    await until("calls of the runtime", () => {
      return calls.length === count && area.reaper.watchedCount === 1 + waiting;
    });
  const files = () =>
    Array.from(Deno.readDirSync(test.paths.dir), ({ name }) => name)
      .filter((name) => name.startsWith("exec-"));
  return { ...test, test, service: test.service, calls, called, files };
}

Deno.test("execs: runc waits between the two steps of an exec, and is told of the process by the second", async () => {
  await using area = new TestArea();
  const { service, test, calls, called, files } = await running(area);
  service.addExec(request("one", "/bin/sh", "-c", "exit 5"));
  await called(1, 1);
  assert.equal(service.execState("one").state.name, "created");
  // Another that is added meanwhile is not prepared.
  service.addExec(request("two", "/bin/sh", "-c", "exit 6"));
  const { pid } = await service.startExec("one");
  assert.ok(pid > 0);
  assert.equal((await service.processes.wait({ execId: "one" })).exitStatus, 5);
  await service.startExec("two");
  assert.equal((await service.processes.wait({ execId: "two" })).exitStatus, 6);
  assert.equal(calls.length, 2);
  await until(
    "no files",
    () => files().filter((name) => !name.startsWith("execution")).length === 0,
  );
  const [, , ...story] = test.story;
  assert.deepEqual(story.filter((event) => event.endsWith("one")), [
    "exec-added:one",
    "exec-started:one",
    "exit:one",
  ]);
  assert.deepEqual(test.log, []);
});

Deno.test("execs: what a process is to be is kept for a start that may come again, and dropped by one", async () => {
  await using area = new TestArea();
  const { service } = await running(area);
  // Large ones are not to be kept for as long as their processes run.
  const add = (execId: string, arg: string) => {
    const exec = request(execId, arg, "1000");
    service.addExec(exec);
    return new WeakRef(exec.process);
  };
  const bad = add("bad", "/bin/none"), good = add("good", "/bin/sleep");
  for (let n = 0; n < 2; n++) await assert.rejects(service.startExec("bad"), RuntimeError);
  await service.startExec("good");
  await until("the spec is dropped", () => heapInUse() > 0 && good.deref() === undefined);
  assert.notEqual(bad.deref(), undefined);
  service.processes.kill({ execId: "good", signal: SIGKILL });
  await service.processes.wait({ execId: "good" });
});

Deno.test("execs: a stdin is not opened before the start, and no runtime runs ahead of it", async () => {
  await using area = new TestArea();
  const { service, calls } = await running(area);
  const stdin = area.fifo("in");
  service.addExec({
    ...request("e", "/bin/sh", "-c", "read a"),
    stdio: { ...NO_STDIO, stdin },
  });
  for (let turn = 0; turn < 10; turn++) await yieldToEventLoop();
  assert.equal(calls.length, 0);
  // Without a reader it cannot be opened for writing (fifo(7)).
  assert.throws(() => OwnedFd.open(stdin, O_WRONLY | O_NONBLOCK), (error) => isErrno(error, ENXIO));
  await service.startExec("e");
  using writer = OwnedFd.open(stdin, O_WRONLY | O_NONBLOCK);
  write(writer.fd, new TextEncoder().encode("\n"));
  assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 0);
});

Deno.test("execs: what is started ahead has the fds of its stdio alone", async () => {
  await using area = new TestArea();
  const { service, called } = await running(area);
  const stdout = area.fifo("out");
  using reader = Deno.openSync(stdout, { read: true, write: true });
  service.addExec({
    ...request("e", "/bin/sh", "-c", "echo /proc/self/fd/*"),
    stdio: { ...NO_STDIO, stdout },
  });
  await called(1, 1);
  await service.startExec("e");
  await service.processes.wait({ execId: "e" });
  const listed = read(reader);
  // The last one is of the shell, which reads the directory.
  assert.match(
    listed,
    /^\/proc\/self\/fd\/0 \/proc\/self\/fd\/1 \/proc\/self\/fd\/2 \/proc\/self\/fd\/3\n$/,
  );
});

Deno.test("execs: a runtime that waits in vain is ended, and the start runs another", async () => {
  await using area = new TestArea();
  const { service, called } = await running(area);
  const stderr = area.fifo("err");
  using reader = Deno.openSync(stderr, { read: true, write: true });
  service.addExec({
    ...request("late", "/bin/sh", "-c", "echo own >&2; exit 5"),
    stdio: { ...NO_STDIO, stderr },
  });
  await called(1, 1);
  await called(1, 0);
  await service.startExec("late");
  assert.equal((await service.processes.wait({ execId: "late" })).exitStatus, 5);
  // runc itself has said nothing there.
  assert.equal(read(reader), "own\n");
});

Deno.test("execs: a runtime that dies at the moment of the start is run again", async () => {
  await using area = new TestArea();
  const { service, called, calls } = await running(area);
  service.addExec(request("e", "/bin/sh", "-c", "exit 5"));
  await called(1, 1);
  const runc = listProcesses().find(({ parent, command }) =>
    parent === Deno.pid && command.startsWith("runc")
  );
  kill(runc?.pid ?? 0, SIGKILL);
  // Its end is not seen before the next turn of the event loop.
  const { pid } = await service.startExec("e");
  assert.ok(pid > 0);
  assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 5);
  assert.equal(calls.length, 2);
});

Deno.test("execs: an exec that is deleted before its start leaves no runtime, and frees its id", async () => {
  await using area = new TestArea();
  const { service, called, files } = await running(area);
  service.addExec(request("e", "/bin/true"));
  await called(1, 1);
  await service.delete({ execId: "e" });
  assert.deepEqual(files(), []);
  service.addExec(request("e", "/bin/sh", "-c", "exit 3"));
  await service.startExec("e");
  assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 3);
  service.addExec(request("f", "/bin/true"));
  await service.processes.kill({ signal: 9 });
  await service.processes.wait({});
  await service.delete({});
  await until("no runtime", () => area.reaper.watchedCount === 0);
});

Deno.test("execs: a start tells what fails then, and not what had failed before it", async () => {
  await using area = new TestArea();
  const { service, called } = await running(area);
  service.addExec(request("none", "/bin/none"));
  await called(1, 1);
  await assert.rejects(service.startExec("none"), (error) => {
    assert.ok(error instanceof RuntimeError);
    assert.match(error.message, /exec failed: .*\/bin\/none/);
    return true;
  });
  assert.equal(service.execState("none").state.name, "created");
  await assert.rejects(service.startExec("none"), RuntimeError);

  // runc refuses a container that is paused without berth; by the start it runs again.
  const cgroup = findCgroup(service.state().pid);
  service.addExec(request("paused", "/bin/sh", "-c", "exit 4"));
  freeze(cgroup);
  await called(3, 0);
  thaw(cgroup);
  await until("thawed", () => freezerState(cgroup) === "thawed");
  await service.startExec("paused");
  assert.equal((await service.processes.wait({ execId: "paused" })).exitStatus, 4);
  service.addExec(request("refused", "/bin/true"));
  await service.pause();
  await assert.rejects(service.startExec("refused"), FailedPreconditionError);
  assert.equal(service.execState("refused").state.name, "created");
  await service.resume();
});

Deno.test("execs: nothing is run ahead of an exec with a terminal, or where the runtime may not be runc", async () => {
  await using area = new TestArea();
  for (const directStart of [true, false]) {
    const { service, called } = await running(area, { record: { directStart } });
    const terminal = directStart;
    const stdout = terminal ? area.fifo("out") : "";
    service.addExec({ ...request("e", "/bin/true"), stdio: { ...NO_STDIO, stdout, terminal } });
    await called(0, 0);
    await service.startExec("e");
    assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 0);
    await called(1, 0);
    await service.processes.kill({ signal: 9 });
    await service.processes.wait({});
    await service.delete({});
  }
});

Deno.test("execs: stdio that is not there is told by the start", async () => {
  await using area = new TestArea();
  const { service, called } = await running(area);
  const stdout = `${area.dir}/out`;
  service.addExec({ ...request("e", "/bin/true"), stdio: { ...NO_STDIO, stdout } });
  await assert.rejects(service.startExec("e"), /stdout: /);
  area.fifo("out");
  await service.startExec("e");
  assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 0);
  await called(1, 0);
});
