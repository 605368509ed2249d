// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { FileTree, ON_V1, TestCgroup, untilFrozen } from "./cgroup_testing.ts";
import { killAll, killUntilEmpty, occupiedAncestor, pids, remove } from "./processes.ts";

Deno.test("pids are those of the cgroup and of all below it", async () => {
  await using test = TestCgroup.start();
  assert.deepEqual(pids(test.cgroup), [test.pid]);
  const below = `${test.dir("freezer")}/below`;
  Deno.mkdirSync(below);
  await test.begin(`echo $$ > ${below}/cgroup.procs; sleep 60 & sleep 60`);
  await until("three processes", () => pids(test.cgroup).length === 3);
  assert.ok(pids(test.cgroup).includes(test.pid));
});

Deno.test("pids: v2: what a pid namespace cannot see is not a pid, and pids come sorted", () => {
  using tree = new FileTree({
    "cgroup.procs": "0\n300\n20\n300\n",
    "a/cgroup.procs": "7\n",
    "empty/cgroup.procs": "",
  });
  assert.deepEqual(pids({ version: 2, paths: { unified: tree.dir } }), [7, 20, 300]);
});

Deno.test("pids: a cgroup without paths, or gone, has no processes and can be killed and removed", async () => {
  for (const paths of [{}, { unified: "/sys/fs/cgroup/unified/berth-none" }]) {
    const cgroup = { version: 2 as const, paths };
    assert.deepEqual(pids(cgroup), []);
    assert.equal(killAll(cgroup), 0);
    assert.ok(await killUntilEmpty(cgroup));
    await remove(cgroup);
  }
});

Deno.test("occupiedAncestor: v2: it is the nearest above that holds processes, but not the root", () => {
  using tree = new FileTree({
    "cgroup.procs": "1\n",
    "a/cgroup.procs": "0\n42\n",
    "a/b/cgroup.procs": "",
    "a/b/web/cgroup.procs": "7\n",
    "free/cgroup.procs": "",
  });
  const unified = { names: ["unified"], root: "/", mountPoint: tree.dir };
  assert.deepEqual(occupiedAncestor("/a/b/web", [unified]), {
    dir: `${tree.dir}/a`,
    pids: [0, 42],
  });
  assert.equal(occupiedAncestor("/free/web", [unified]), undefined);
  assert.equal(occupiedAncestor("/a/web", [{ ...unified, names: ["memory"] }]), undefined);
});

Deno.test("killAll reaches every process, also when frozen", async () => {
  await using test = TestCgroup.start();
  await test.begin("sleep 60 & sleep 60 & wait");
  await until("three processes", () => pids(test.cgroup).length === 3);
  await untilFrozen(test.cgroup);
  assert.equal(killAll(test.cgroup), 3);
  await until("all gone", () => pids(test.cgroup).length === 0);
});

Deno.test("killAll works by v1 alone and by v2's cgroup.kill alone", ON_V1, async () => {
  await using test = TestCgroup.start();
  await test.begin("sleep 60 & sleep 60 & wait");
  const { unified = "", freezer = "" } = test.cgroup.paths;
  await until("three processes", () => pids(test.cgroup).length === 3);
  killAll({ version: 2, paths: { unified } });
  await until("all gone", () => pids(test.cgroup).length === 0);

  await using other = TestCgroup.start();
  await other.begin("sleep 60 & sleep 60 & wait");
  const v1 = { version: 1 as const, paths: { freezer: other.cgroup.paths.freezer ?? freezer } };
  await until("three processes", () => pids(v1).length === 3);
  killAll(v1);
  await until("all gone", () => pids(v1).length === 0);
});

Deno.test("killUntilEmpty ends what forks as fast as it is killed", async () => {
  await using test = TestCgroup.start();
  // Those that have ended count until their new parent, the first process, has reaped them.
  test.set("pids", "pids.max", "10000");
  // Each copy starts the next and goes: no process lives for long, and no line of them ends by itself,
  // as it would where a fork fails.
  await test.begin("f() { f & }; for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do f & done; wait");
  await until("some processes", () => pids(test.cgroup).length > 5);
  const { freezer } = test.cgroup.paths;
  const cgroup = freezer === undefined ? test.cgroup : { version: 1 as const, paths: { freezer } };
  assert.ok(await killUntilEmpty(cgroup, { timeoutMs: 60_000 }));
  assert.deepEqual(pids(test.cgroup), []);
});

Deno.test("remove takes away the cgroup and those below it, in each hierarchy", async () => {
  await using test = TestCgroup.start();
  Deno.mkdirSync(`${test.dir("memory")}/a/b`, { recursive: true });
  Deno.mkdirSync(`${test.cgroup.paths.unified}/c`);
  assert.equal(await test.run("exit 3"), 3);
  await remove(test.cgroup, { timeoutMs: 60_000 });
  for (const path of Object.values(test.cgroup.paths)) {
    assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
  }
  await remove(test.cgroup);
});

Deno.test("remove of a cgroup with a process is EBUSY with its path, after a while", async () => {
  await using test = TestCgroup.start();
  await assert.rejects(() => remove(test.cgroup, { timeoutMs: 30 }), {
    code: "EBUSY",
    message: /rmdir \/sys\/fs\/cgroup\/.*berth-test-/,
  });
});

Deno.test("remove waits for the last process to go, and can be aborted", async () => {
  await using test = TestCgroup.start();
  await assert.rejects(() => remove(test.cgroup, { signal: AbortSignal.timeout(20) }), {
    name: "TimeoutError",
  });
  const removed = remove(test.cgroup, { timeoutMs: 60_000 });
  await test.run("exit 0");
  await removed;
});

Deno.test("pids: v2: the processes of a threaded cgroup are found and killed", async () => {
  await using test = TestCgroup.start();
  const unified = `${test.cgroup.paths.unified}/threaded`;
  const cgroup = { version: 2 as const, paths: { unified } };
  Deno.mkdirSync(unified);
  Deno.writeTextFileSync(`${unified}/cgroup.type`, "threaded", { create: false });
  Deno.writeTextFileSync(`${unified}/cgroup.procs`, `${test.pid}`, { create: false });
  assert.throws(() => Deno.readTextFileSync(`${unified}/cgroup.procs`), /not supported/i);
  assert.deepEqual(pids(cgroup), [test.pid]);
  assert.equal(killAll(cgroup), 1);
  await until("its end", () => pids(cgroup).length === 0);
});
