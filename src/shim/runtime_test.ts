// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { until } from "../../tests/harness/poll.ts";
import { findCgroup, memoryLimit } from "../linux/cgroup/cgroup.ts";
import { borrowOomScoreAdj } from "../linux/process/oom_score.ts";
import { RuntimeError } from "../rpc/errors.ts";
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

testNeeding(["crun"], "runtime: crun runs a container as runc does", async () => {
  await using area = new TestArea();
  const test = area.service({ record: { runtime: crunHere(area) } });
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
});

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
