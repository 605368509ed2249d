// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { until } from "../../tests/harness/poll.ts";
import { findCgroup } from "../linux/cgroup/cgroup.ts";
import { untilFrozen } from "../linux/cgroup/cgroup_testing.ts";
import { kill } from "../linux/process/process.ts";
import {
  AlreadyExistsError,
  FailedPreconditionError,
  InvalidParamsError,
  NotFoundError,
  RuntimeError,
} from "../rpc/errors.ts";
import { readExitRecord } from "../oci/exit_record.ts";
import { NO_STDIO, TestArea } from "./testing/bundle_testing.ts";

function request(execId: string, ...args: string[]) {
  return { execId, process: { args }, stdio: NO_STDIO };
}

Deno.test("service: a container lives from create to delete with its events in order", async () => {
  await using area = new TestArea();
  const { service, story, paths, events } = area.service({ args: ["/bin/sh", "-c", "exit 7"] });
  void story;
  const { pid } = await service.create();
  assert.ok(pid > 0);
  assert.equal(service.state().status, "created");
  await service.start();
  const exit = await service.processes.wait({});
  assert.equal(exit.exitStatus, 7);
  assert.equal(service.state().status, "stopped");
  assert.equal(readExitRecord(paths.exitRecord, service.record.instance)?.exitStatus, 7);
  assert.deepEqual(await service.delete({}), { pid, ...exit });
  assert.deepEqual(await service.delete({}), { pid, ...exit }, "again with the same status");
  assert.deepEqual(events.map((event) => event.type), ["create", "start", "exit"]);
  assert.deepEqual(events.map((event) => event.seq), [1, 2, 3]);
});

Deno.test("service: the wrong state is refused and said", async () => {
  await using area = new TestArea();
  const { service } = area.service();
  await assert.rejects(service.start(), /cannot start container .*: it is not created/);
  await service.create();
  await assert.rejects(service.create(), FailedPreconditionError);
  await assert.rejects(service.exec(request("e", "/bin/true")), FailedPreconditionError);
  await service.start();
  await assert.rejects(service.start(), /cannot start container .*: it is running/);
  await assert.rejects(service.delete({}), /cannot delete container .*: it is running/);
  await assert.rejects(service.resume(), FailedPreconditionError);
  await assert.rejects(service.processes.kill({ signal: "NOSUCH" }), InvalidParamsError);
  await service.processes.kill({ signal: "KILL" });
  assert.equal((await service.processes.wait({})).exitStatus, 137);
  await assert.rejects(service.processes.kill({ signal: 9 }), NotFoundError);
  await assert.rejects(service.exec(request("e", "/bin/true")), FailedPreconditionError);
  await service.delete({});
  await assert.rejects(service.start(), FailedPreconditionError);
});

Deno.test("service: delete of a created container kills it first", async () => {
  await using area = new TestArea();
  const test = area.service();
  await test.service.create();
  const { exitStatus } = await test.service.delete({});
  assert.equal(exitStatus, 137);
  assert.deepEqual(test.story, ["create", "exit"]);
});

Deno.test("service: a failed create leaves nothing and can be done again", async () => {
  await using area = new TestArea();
  const test = area.service({ args: ["/bin/nothing-there"] });
  await assert.rejects(test.service.create(), (error: Error) => {
    assert.ok(error instanceof RuntimeError);
    assert.match(error.message, /nothing-there/);
    return true;
  });
  assert.deepEqual(test.story, []);
  assert.equal(test.service.state().status, "none");
  assert.deepEqual(Array.from(Deno.readDirSync(area.runtimeRoot)), []);
  assert.deepEqual(area.reaper.watchedCount, 0);
  await assert.rejects(test.service.create(), RuntimeError);
});

Deno.test("service: rootfs mounts are made in order and undone", async () => {
  await using area = new TestArea();
  const id = "mounted";
  const test = area.service({
    id,
    args: ["/bin/sh", "-c", "test -x /bin/sh && echo hi > /tmp/x && exit 3"],
    rootPath: `${area.dir}/linux/${id}/rootfs`,
    record: {
      rootfs: [
        { type: "bind", source: area.rootfs, options: ["rbind", "ro"] },
        { type: "tmpfs", source: "tmpfs", target: "/tmp" },
      ],
    },
  });
  await test.service.create();
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 3);
  await test.service.delete({});
  assert.deepEqual(Array.from(Deno.readDirSync(test.paths.rootfs)), []);
});

Deno.test("service: a mount that fails half-way undoes those before it", async () => {
  await using area = new TestArea();
  const test = area.service({
    record: {
      rootfs: [
        { type: "bind", source: area.rootfs, options: ["rbind"] },
        { type: "bind", source: `${area.dir}/missing`, target: "/tmp", options: ["rbind"] },
      ],
    },
  });
  await assert.rejects(test.service.create(), /missing/);
  assert.deepEqual(Array.from(Deno.readDirSync(test.paths.rootfs)), []);
});

Deno.test("service: a missing FIFO is refused before anything is made", async () => {
  await using area = new TestArea();
  const test = area.service({ stdio: { stdout: `${area.dir}/none` } });
  await assert.rejects(test.service.create(), InvalidParamsError);
  assert.equal(test.service.state().status, "none");
});

Deno.test("service: execs run, exit before init, and are forgotten by delete", async () => {
  await using area = new TestArea();
  const test = area.service();
  const { service } = test;
  await service.create();
  await service.start();
  await service.exec(request("one", "/bin/sh", "-c", 'test "$FROM" = spec && exit 5'));
  assert.equal((await service.processes.wait({ execId: "one" })).exitStatus, 5);
  await assert.rejects(service.exec(request("one", "/bin/true")), AlreadyExistsError);
  await assert.rejects(service.processes.kill({ execId: "one", signal: 15 }), NotFoundError);
  const running = await service.exec(request("two", "/bin/sleep", "100"));
  await assert.rejects(service.delete({ execId: "two" }), FailedPreconditionError);
  assert.deepEqual(
    service.processes.pids().processes.find(({ pid }) => pid === running.pid)?.execId,
    "two",
  );
  await service.processes.kill({ signal: 9 });
  await service.processes.wait({});
  assert.equal((await service.processes.wait({ execId: "two" })).exitStatus, 137);
  assert.deepEqual(test.story, [
    "create",
    "start",
    "exec-added:one",
    "exec-started:one",
    "exit:one",
    "exec-added:two",
    "exec-started:two",
    "exit:two",
    "exit",
  ]);
  assert.equal((await service.delete({ execId: "one" })).exitStatus, 5);
  await assert.rejects(service.delete({ execId: "one" }), NotFoundError);
  await service.delete({});
});

Deno.test("service: an exec is added and started in two steps; one that fails can be deleted", async () => {
  await using area = new TestArea();
  const test = area.service();
  const { service } = test;
  await service.create();
  await service.start();
  service.addExec(request("one", "/bin/sh", "-c", "exit 5"));
  assert.equal(service.execState("one").state.name, "created");
  await assert.rejects(
    service.processes.kill({ execId: "one", signal: 9 }),
    FailedPreconditionError,
  );
  assert.throws(() => service.addExec(request("one", "/bin/true")), AlreadyExistsError);
  const waited = service.processes.wait({ execId: "one" });
  const { pid } = await service.startExec("one");
  assert.ok(pid > 0);
  assert.equal((await waited).exitStatus, 5);
  await assert.rejects(service.startExec("one"), FailedPreconditionError);

  service.addExec(request("none", "/bin/none"));
  const deleted = service.processes.wait({ execId: "none" });
  await assert.rejects(service.startExec("none"), RuntimeError);
  assert.equal(service.execState("none").state.name, "created");
  const { exitStatus, pid: none } = await service.delete({ execId: "none" });
  assert.deepEqual([exitStatus, none, (await deleted).exitStatus], [0, 0, 0]);
  assert.deepEqual(test.story, [
    "create",
    "start",
    "exec-added:one",
    "exec-started:one",
    "exit:one",
    "exec-added:none",
  ]);
  service.addExec({ ...request("none", "/bin/true"), complete: true });
  assert.throws(() => service.execState("other"), NotFoundError);
});

Deno.test("service: an exec of a missing program leaves nothing", async () => {
  await using area = new TestArea();
  const test = area.service();
  await test.service.create();
  await test.service.start();
  await assert.rejects(test.service.exec(request("e", "/bin/none")), RuntimeError);
  assert.deepEqual(test.story, ["create", "start"]);
  assert.deepEqual(test.service.state().processes, []);
  assert.deepEqual(
    Array.from(Deno.readDirSync(test.paths.dir), ({ name }) => name).filter((name) =>
      name.startsWith("exec-")
    ),
    [],
  );
  await test.service.exec(request("e", "/bin/true"));
});

Deno.test("service: execs in parallel, one id wins once", async () => {
  await using area = new TestArea();
  const test = area.service();
  await test.service.create();
  await test.service.start();
  const ids = ["a", "b", "c", "d", "a", "b"];
  const results = await Promise.allSettled(
    ids.map((id) => test.service.exec(request(id, "/bin/true"))),
  );
  assert.deepEqual(results.map(({ status }) => status), [
    ...Array(4).fill("fulfilled"),
    ...Array(2).fill("rejected"),
  ]);
  for (const id of ["a", "b", "c", "d"]) {
    assert.equal((await test.service.processes.wait({ execId: id })).exitStatus, 0);
  }
});

Deno.test("service: with the host's pid namespace execs still exit before init", async () => {
  await using area = new TestArea();
  const test = area.service({ hostPid: true });
  const { service } = test;
  await service.create();
  await service.start();
  await service.exec(request("e", "/bin/sleep", "100"));
  await service.processes.kill({ signal: 9 });
  await service.processes.wait({});
  assert.deepEqual(test.story.slice(-2), ["exit:e", "exit"]);
  await service.delete({});
});

/** Pids of the processes that run `sleep` for this many seconds. */
function sleepers(seconds: string): number[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name)).filter((pid) => {
    if (!(pid > 0)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").includes(seconds);
    } catch {
      // It has ended.
      return false;
    }
  });
}

Deno.test("service: without a pid namespace of its own nothing of a container outlives its init", async () => {
  await using area = new TestArea();
  const mark = String(700_000 + Deno.pid);
  const script = `sleep ${mark} & sleep ${mark} & exit 3`;
  const test = area.service({ hostPid: true, args: ["/bin/sh", "-c", script] });
  await test.service.create();
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 3);
  assert.deepEqual(sleepers(mark), []);
  assert.deepEqual(test.story, ["create", "start", "exit"]);
  await assert.rejects(test.service.processes.kill({ signal: 9, all: true }), NotFoundError);
  await test.service.delete({});
});

Deno.test("ShimService.kill: all reaches what has outlived init", async () => {
  await using area = new TestArea();
  const mark = String(800_000 + Deno.pid);
  // A runtime that kills nothing, and says so to nobody.
  const refuse = `${area.dir}/refuse`;
  Deno.writeTextFileSync(refuse, "");
  const runtime = writeScript(
    `${area.dir}/runtime`,
    `[ -e ${refuse} ] && case " $* " in *" kill "*) exit 0 ;; esac\nexec runc "$@"`,
  );
  const test = area.service({
    hostPid: true,
    args: ["/bin/sh", "-c", `sleep ${mark} & exit 3`],
    record: { runtime },
  });
  await test.service.create();
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 3);
  await until("what has outlived init", () => sleepers(mark).length === 1);
  Deno.removeSync(refuse);
  await assert.rejects(test.service.processes.kill({ signal: 9 }), NotFoundError);
  await test.service.processes.kill({ signal: 9, all: true });
  await until("it is gone", () => sleepers(mark).length === 0);
  await test.service.delete({});
});

Deno.test("service: nothing outlives an init without a pid namespace though the runtime fails to kill", async () => {
  await using area = new TestArea();
  const mark = String(900_000 + Deno.pid);
  const runtime = writeScript(
    `${area.dir}/runtime`,
    `case " $* " in *" kill "*) exit 1 ;; esac\nexec runc "$@"`,
  );
  const test = area.service({
    hostPid: true,
    args: ["/bin/sh", "-c", `sleep ${mark} & exit 3`],
    record: { runtime },
  });
  await test.service.create();
  await test.service.start();
  assert.equal((await test.service.processes.wait({})).exitStatus, 3);
  assert.deepEqual(sleepers(mark), []);
  await test.service.delete({});
});

Deno.test("service: SIGKILL reaches a process in a frozen v1 cgroup below the container's", async () => {
  await using area = new TestArea();
  const test = area.service();
  const { pid } = await test.service.create();
  const { freezer } = findCgroup(pid).paths;
  // Only v1 has them.
  if (freezer !== undefined) {
    await test.service.start();
    const exec = await test.service.exec(request("e", "/bin/sleep", "1000"));
    const inner = `${freezer}/inner`;
    Deno.mkdirSync(inner);
    Deno.writeTextFileSync(`${inner}/cgroup.procs`, String(exec.pid), { create: false });
    await untilFrozen({ version: 1, paths: { freezer: inner } });
    await test.service.processes.kill({ signal: 9 });
    assert.equal((await test.service.processes.wait({})).exitStatus, 137);
    await until("it can be removed", () => {
      try {
        Deno.removeSync(inner);
        return true;
      } catch {
        // The kernel keeps it busy for a moment after its last process.
        return false;
      }
    });
  }
  await test.service.delete({});
});

Deno.test("service: a paused container is thawed by SIGKILL", async () => {
  await using area = new TestArea();
  const test = area.service();
  const { service } = test;
  await service.create();
  await service.start();
  await service.pause();
  assert.equal(service.state().status, "paused");
  await assert.rejects(service.pause(), FailedPreconditionError);
  await assert.rejects(service.exec(request("e", "/bin/true")), FailedPreconditionError);
  await service.resume();
  assert.equal(service.state().status, "running");
  await service.pause();
  await service.processes.kill({ signal: "SIGKILL" });
  assert.equal((await service.processes.wait({})).exitStatus, 137);
  assert.deepEqual(test.story, ["create", "start", "paused", "resumed", "paused", "exit"]);
  await service.delete({});
});

Deno.test("kill all reaches every process", async () => {
  await using area = new TestArea();
  const { service } = area.service({ args: ["/bin/sh", "-c", "sleep 100 & sleep 100 & wait"] });
  await service.create();
  await service.start();
  await until(
    "the container has three processes",
    () => service.processes.pids().processes.length === 3,
  );
  await service.processes.kill({ signal: "KILL", all: true });
  assert.equal((await service.processes.wait({})).exitStatus, 137);
});

Deno.test("service: init killed while it is created ends in an error or in one exit", async () => {
  await using area = new TestArea();
  const test = area.service();
  const creating = test.service.create();
  await until("init has a pid", () => {
    try {
      return Number(Deno.readTextFileSync(test.paths.initPid)) > 0;
    } catch {
      return false;
    }
  });
  kill(Number(Deno.readTextFileSync(test.paths.initPid)), 9);
  const [result] = await Promise.allSettled([creating]);
  if (result?.status === "fulfilled") {
    assert.equal((await test.service.processes.wait({})).exitStatus, 137);
    assert.deepEqual(test.story, ["create", "exit"]);
    await test.service.delete({});
  } else {
    assert.deepEqual(test.story, []);
    assert.equal(test.service.state().status, "none");
  }
  assert.equal(area.reaper.watchedCount, 0);
});

Deno.test("service: an aborted wait is given up, another goes on", async () => {
  await using area = new TestArea();
  const { service } = area.service();
  await service.create();
  const abort = new AbortController();
  const given = service.processes.wait({}, abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  const wait = service.processes.wait({});
  await service.processes.kill({ signal: 9 });
  assert.equal((await wait).exitStatus, 137);
});
