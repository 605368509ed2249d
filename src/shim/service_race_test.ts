// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { until } from "../../tests/harness/poll.ts";
import { kill, zombieStatus } from "../linux/process/process.ts";
import { FailedPreconditionError, RuntimeError } from "../rpc/errors.ts";
import { readExitRecord } from "../oci/exit_record.ts";
import { NO_STDIO, TestArea } from "./testing/bundle_testing.ts";

/** A runtime that does `before` and `after` (shell) around each call of `subcommand` of runc. */
function wrapper(
  area: TestArea,
  subcommand: string,
  { before = ":", after = ":" }: { before?: string; after?: string },
): string {
  return writeScript(
    `${area.dir}/runtime-${subcommand}`,
    `for arg; do
  [ "$arg" = ${subcommand} ] && { ${before}; runc "$@"; status=$?; ${after}; exit $status; }
done
exec runc "$@"`,
  );
}

/** Shell that waits until the test makes the file \`name\`. */
function gate(area: TestArea, name: string): { shell: string; open: () => void } {
  const path = `${area.dir}/${name}`;
  return {
    shell: `while [ ! -e ${path} ]; do sleep 0.01; done`,
    open: () => Deno.writeTextFileSync(path, ""),
  };
}

function request(execId: string, ...args: string[]) {
  return { execId, process: { args }, stdio: NO_STDIO };
}

/** Reaps what has ended, in this very turn of the event loop. */
function reapNow({ reaper }: TestArea): void {
  // Above the kernel's PID_MAX_LIMIT of 2^22: watching it looks for exits, and fails.
  void assert.rejects(reaper.watch(2 ** 22 + 1));
}

/** Ends a child and has it reaped, in this very turn of the event loop. */
function endNow(area: TestArea, pid: number): void {
  kill(pid, 9);
  while (zombieStatus(pid) === undefined);
  reapNow(area);
}

/** Lets `count` microtasks pass, and nothing else. */
async function microtasks(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) await Promise.resolve();
}

/** Has the pid of each child that is spawned from now on noted. */
function spawned({ reaper }: TestArea): number[] {
  const pids: number[] = [];
  const spawn = reaper.spawn.bind(reaper);
  reaper.spawn = (argv, options) => {
    const child = spawn(argv, options);
    pids.push(child.pid);
    return child;
  };
  return pids;
}

/** More microtasks than lie between the end of a process and what is done about it. */
const MICROTASKS = 12;

Deno.test("service race: an exit at any moment in which a resume ends is told after that, or instead", async () => {
  await using area = new TestArea();
  for (let count = 0; count < MICROTASKS; count++) {
    const test = area.service();
    const { service } = test;
    const { pid } = await service.create();
    await service.start();
    await service.pause();
    const pids = spawned(area);
    const resuming = service.resume();
    while (pids.length === 0) await microtasks(1);
    while (zombieStatus(pids[0] ?? 0) === undefined);
    reapNow(area);
    await microtasks(count);
    endNow(area, pid);
    await Promise.allSettled([resuming, service.processes.wait({})]);
    assert.ok(
      ["exit", "resumed,exit"].includes(test.story.slice(3).join()),
      `${count}: ${test.story}`,
    );
    await service.delete({});
  }
});

Deno.test("service race: an exit that overtakes its start is recorded at once and published after it", async () => {
  await using area = new TestArea();
  const slow = gate(area, "go");
  const test = area.service({
    args: ["/bin/sh", "-c", "exit 6"],
    record: { runtime: wrapper(area, "start", { after: slow.shell }) },
  });
  const { service, paths } = test;
  await service.create();
  const starting = service.start();
  await until(
    "the exit is recorded",
    () => readExitRecord(paths.exitRecord, service.record.instance)?.exitStatus === 6,
  );
  assert.equal(service.state().status, "stopped");
  assert.deepEqual(test.story, ["create"]);
  slow.open();
  await starting;
  assert.equal((await service.processes.wait({})).exitStatus, 6);
  assert.deepEqual(test.story, ["create", "start", "exit"]);
  assert.ok(service.state().startedAt);
});

Deno.test("ShimService.start: no process ends before it was started, by its times too", async () => {
  await using area = new TestArea();
  for (const directStart of [false, true]) {
    for (let count = 0; count < 15; count++) {
      const test = area.service({ args: ["/bin/true"], record: { directStart } });
      await test.service.create();
      await test.service.start();
      const { exitedAt } = await test.service.processes.wait({});
      const { startedAt = "never" } = test.service.state();
      assert.ok(startedAt <= exitedAt, `started at ${startedAt}, exited at ${exitedAt}`);
      assert.deepEqual(test.story, ["create", "start", "exit"]);
      assert.equal(test.events[1]?.timestamp, startedAt);
      await test.service.delete({});
    }
  }
});

Deno.test("service race: a container killed before its start has no start, but an exit", async () => {
  await using area = new TestArea();
  const slow = gate(area, "go");
  const test = area.service({
    record: { runtime: wrapper(area, "start", { before: slow.shell }) },
  });
  await test.service.create();
  const starting = test.service.start();
  await test.service.processes.kill({ signal: 9 });
  await until("it is stopped", () => test.service.state().status === "stopped");
  slow.open();
  await assert.rejects(starting, FailedPreconditionError);
  assert.equal((await test.service.processes.wait({})).exitStatus, 137);
  assert.deepEqual(test.story, ["create", "exit"]);
  await test.service.delete({});
});

Deno.test("service race: a start that fails leaves the container created", async () => {
  await using area = new TestArea();
  const test = area.service({
    record: { runtime: wrapper(area, "start", { before: "echo refused >&2; exit 3" }) },
  });
  await test.service.create();
  await assert.rejects(test.service.start(), (error: Error) => {
    assert.ok(error instanceof RuntimeError);
    assert.equal(error.data.exitCode, 3);
    return true;
  });
  assert.equal(test.service.state().status, "created");
  await test.service.delete({});
  assert.deepEqual(test.story, ["create", "exit"]);
});

Deno.test("service race: a create that fails after the container was made removes it", async () => {
  await using area = new TestArea();
  const test = area.service({
    record: { runtime: wrapper(area, "create", { after: "echo late >&2; exit 1" }) },
    stdio: { stdout: area.fifo("out") },
  });
  await assert.rejects(test.service.create(), RuntimeError);
  assert.deepEqual(Array.from(Deno.readDirSync(area.runtimeRoot)), []);
  await until("its init is reaped", () => area.reaper.watchedCount === 0);
  assert.deepEqual(test.story, []);
});

Deno.test("service race: a runtime that is not there is an error that names it", async () => {
  await using area = new TestArea();
  const test = area.service({ record: { runtime: "/nowhere/runc" } });
  await assert.rejects(test.service.create(), /\/nowhere\/runc/);
  assert.equal(test.service.state().status, "none");
});

Deno.test("service race: an exec that ends before the runtime returns is told in order", async () => {
  await using area = new TestArea();
  const slow = gate(area, "go");
  const test = area.service({
    record: { runtime: wrapper(area, "exec", { after: slow.shell }) },
  });
  await test.service.create();
  await test.service.start();
  const executing = test.service.exec(request("e", "/bin/sh", "-c", "exit 4"));
  await until("it has begun", () => {
    try {
      return Deno.readTextFileSync(`${test.paths.dir}/exec-e.pid`) !== "";
    } catch {
      return false; // not written yet
    }
  });
  await test.service.processes.kill({ signal: 9 });
  await until("init is stopped", () => test.service.state().status === "stopped");
  assert.deepEqual(test.story, ["create", "start"], "init's exit waits for the exec");
  slow.open();
  await executing;
  await test.service.processes.wait({});
  assert.deepEqual(test.story.slice(2), ["exec-added:e", "exec-started:e", "exit:e", "exit"]);
  assert.ok([4, 137].includes((await test.service.processes.wait({ execId: "e" })).exitStatus));
});

Deno.test("service race: an exec that has ended before the runtime writes its pid, as crun does, keeps its status", async () => {
  await using area = new TestArea();
  const id = "late";
  const pidFile = `${area.dir}/linux/${id}/exec-e.pid`;
  const ended = `while [ -e /proc/$(cat ${pidFile}) ]; do sleep 0.01; done`;
  const runtime = wrapper(area, "exec", { after: `${ended}; sleep 0.01; touch ${pidFile}` });
  const { service } = area.service({ id, record: { runtime } });
  await service.create();
  await service.start();
  await service.exec(request("e", "/bin/sh", "-c", "exit 4"));
  assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 4);
});

Deno.test("service race: an exec that cannot be made for its container died is not left", async () => {
  await using area = new TestArea();
  const slow = gate(area, "go");
  const test = area.service({
    record: { runtime: wrapper(area, "exec", { before: slow.shell }) },
  });
  await test.service.create();
  await test.service.start();
  const executing = test.service.exec(request("e", "/bin/true"));
  await test.service.processes.kill({ signal: 9 });
  await until("init is stopped", () => test.service.state().status === "stopped");
  slow.open();
  await assert.rejects(executing, FailedPreconditionError);
  assert.equal((await test.service.processes.wait({})).exitStatus, 137);
  assert.deepEqual(test.story, ["create", "start", "exit"]);
  assert.deepEqual(test.service.state().processes, []);
  await test.service.delete({});
});

Deno.test("service race: delete can be repeated when the runtime fails, with the same answer", async () => {
  await using area = new TestArea();
  const flag = `${area.dir}/fail`;
  Deno.writeTextFileSync(flag, "");
  const before = `[ -e ${flag} ] && { echo not now >&2; exit 1; }`;
  const test = area.service({
    args: ["/bin/sh", "-c", "exit 3"],
    record: { runtime: wrapper(area, "delete", { before }) },
  });
  await test.service.create();
  await test.service.start();
  const exit = await test.service.processes.wait({});
  await assert.rejects(test.service.delete({}), RuntimeError);
  assert.equal(test.service.state().status, "stopped");
  Deno.removeSync(flag);
  const first = await test.service.delete({});
  assert.equal(first.exitedAt, exit.exitedAt);
  assert.deepEqual(await test.service.delete({}), first);
});

Deno.test("service race: a busy rootfs is not removed through, and delete goes on when it is free", async () => {
  await using area = new TestArea();
  const id = "busy";
  const test = area.service({
    id,
    args: ["/bin/true"],
    rootPath: `${area.dir}/linux/${id}/rootfs`,
    record: { rootfs: [{ type: "bind", source: area.rootfs, options: ["rbind"] }] },
  });
  await test.service.create();
  await test.service.start();
  await test.service.processes.wait({});
  const user = area.reaper.spawn(["sleep", "1000"], { cwd: test.paths.rootfs });
  await assert.rejects(test.service.delete({}), /busy/);
  kill(user.pid, 9);
  await user.exited;
  assert.equal((await test.service.delete({})).exitStatus, 0);
});
