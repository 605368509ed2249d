// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { until, within } from "../../tests/harness/poll.ts";
import { RuntimeWrapper } from "../../tests/harness/runtime/runtime_wrapper.ts";
import { findCgroup, memoryLimit } from "../linux/cgroup/cgroup.ts";
import { borrowOomScoreAdj } from "../linux/process/oom_score.ts";
import { DeadlineExceededError, RuntimeError } from "../rpc/errors.ts";
import { NO_STDIO, TestArea } from "./testing/bundle_testing.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

Deno.test("runtime: an update holds at once; one that the runtime refuses changes nothing", async () => {
  await using area = new TestArea();
  const { service } = area.service();
  const { pid } = await service.create();
  const cgroup = findCgroup(pid);
  await service.update({ memory: { limit: 64 * 1024 * 1024 } });
  assert.equal(memoryLimit(cgroup), 64 * 1024 * 1024);
  await service.start();
  await service.update({ memory: { limit: 96 * 1024 * 1024 } });
  assert.equal(memoryLimit(cgroup), 96 * 1024 * 1024);
  await assert.rejects(service.update({ cpu: { cpus: "4000" } }), RuntimeError);
  assert.equal(service.state().status, "running");
  assert.equal(memoryLimit(cgroup), 96 * 1024 * 1024);
});

Deno.test("runtime: every one of many who wait is answered, before and after the exit", async () => {
  await using area = new TestArea();
  const { service } = area.service({ args: ["/bin/sh", "-c", "exit 8"] });
  await service.create();
  const waiting = Array.from({ length: 1000 }, () => service.processes.wait({}));
  const abort = new AbortController();
  const given = Array.from({ length: 100 }, () => service.processes.wait({}, abort.signal));
  abort.abort(new Error("enough"));
  for (const wait of given) await assert.rejects(wait, /enough/);
  await service.start();
  const exits = await Promise.all([...waiting, service.processes.wait({})]);
  assert.ok(exits.every(({ exitStatus }) => exitStatus === 8));
  assert.equal(new Set(exits.map(({ exitedAt }) => exitedAt)).size, 1);
});

/** crun refuses a machine where v2 has controllers beside v1's, so it does not get to see v2. */
function crunHere(area: TestArea): string {
  const unified = "/sys/fs/cgroup/unified";
  const run = `mountpoint -q ${unified} && umount ${unified}; exec crun "$@"`;
  return writeScript(`${area.dir}/crun`, `exec unshare -m sh -c '${run}' crun "$@"`);
}

testNeeding(
  ["crun"],
  "runtime: crun runs a container as runc does, also where it passes for runc",
  async () => {
    await using area = new TestArea();
    const test = area.service({ record: { runtime: crunHere(area), directStart: true } });
    const { service } = test;
    await service.create();
    await service.start();
    await service.exec({
      execId: "e",
      process: { args: ["/bin/sh", "-c", "exit 2"] },
      stdio: NO_STDIO,
    });
    assert.equal((await service.processes.wait({ execId: "e" })).exitStatus, 2);
    await service.processes.kill({ signal: 9 });
    assert.equal((await service.processes.wait({})).exitStatus, 137);
    await service.delete({});
    assert.deepEqual(test.story, [
      "create",
      "start",
      "exec-added:e",
      "exec-started:e",
      "exit:e",
      "exit",
    ]);
  },
);

for (const name of ["runc", "crun"]) {
  testNeeding(
    [name],
    `runtime: neither a container nor an exec of ${name} inherits the shim's OOM score`,
    async () => {
      await using area = new TestArea();
      using _score = borrowOomScoreAdj(500);
      const runtime = name === "crun" ? crunHere(area) : name;
      const out = `${area.dir}/out`;
      const stdio = { ...NO_STDIO, stdout: `file://${out}` };
      const args = ["/bin/sh", "-c", "cat /proc/self/oom_score_adj; sleep 1000"];
      const { service } = area.service({ record: { runtime }, args, stdio });
      await service.create();
      await service.start();
      await until("init has told its score", () => Deno.readTextFileSync(out) !== "");
      for (const score of [undefined, 77, 600]) {
        const execId = `e${score}`;
        await service.exec({
          execId,
          process: {
            args: ["/bin/cat", "/proc/self/oom_score_adj"],
            ...(score === undefined ? {} : { oomScoreAdj: score }),
          },
          stdio,
        });
        assert.equal((await service.processes.wait({ execId })).exitStatus, 0);
      }
      assert.equal(Deno.readTextFileSync(out), "0\n0\n77\n600\n", runtime);
      Deno.removeSync(out);
      await service.processes.kill({ signal: 9 });
      await service.processes.wait({});
      await service.delete({});
    },
  );
}

Deno.test("runtime: one that hangs in a delete is killed in time, and the delete can be repeated", async () => {
  await using area = new TestArea();
  const runtime = RuntimeWrapper.create(area.dir);
  const record = { runtime: runtime.path, runtimeTimeoutMs: 2000 };
  runtime.hang("delete");
  const { service } = area.service({ record });
  await service.create();
  await service.processes.kill({ signal: 9 });
  await assert.rejects(within("the end of the delete", service.delete({})), DeadlineExceededError);
  assert.equal(area.reaper.watchedCount, 0);
  runtime.fail("create", "no");
  // Its rollback has the runtime delete, too.
  const other = area.service({ record }).service.create();
  await assert.rejects(within("the end of the create", other), RuntimeError);
  assert.equal(area.reaper.watchedCount, 0);
  runtime.clear();
  await service.delete({});
});

/** Keeps the rejections that nobody handles until it is disposed. */
function unhandledRejections(): { readonly reasons: unknown[] } & Disposable {
  const reasons: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reasons.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return {
    reasons,
    [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", listener),
  };
}

/** Has a call of the runtime tell of a process that is not there: PID_MAX_LIMIT is below its pid. */
const NOBODY = `while [ "$1" != --pid-file ]; do shift; done; echo 9999999 >"$2"; exit 0`;

Deno.test("runtime: an exit that cannot be watched is told, and leaves no rejection unhandled", async () => {
  await using area = new TestArea();
  using unhandled = unhandledRejections();
  const runtime = RuntimeWrapper.create(area.dir);
  const { service, log } = area.service({ record: { runtime: runtime.path } });
  await service.create();
  await service.start();
  runtime.rule("exec", NOBODY);
  await service.exec({ execId: "e", process: { args: ["/bin/true"] }, stdio: NO_STDIO });
  const { exitStatusUnknown } = await service.processes.wait({ execId: "e" });
  assert.equal(exitStatusUnknown, true);
  assert.deepEqual(unhandled.reasons, []);
  assert.match(log.join("\n"), /an exit was not seen/);
});

Deno.test("runtime: a restored init that cannot be watched has an exit, too", async () => {
  await using area = new TestArea();
  using unhandled = unhandledRejections();
  const runtime = RuntimeWrapper.create(area.dir);
  runtime.rule("restore", NOBODY);
  const checkpoint = `${area.dir}/image`;
  Deno.mkdirSync(checkpoint);
  const { service } = area.service({ record: { runtime: runtime.path, checkpoint } });
  await service.create();
  await service.start();
  assert.equal((await service.processes.wait({})).exitStatusUnknown, true);
  assert.deepEqual(unhandled.reasons, []);
});
