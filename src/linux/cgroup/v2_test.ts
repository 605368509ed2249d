// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { type Cgroup, cgroupHierarchies, findCgroup } from "./find.ts";
import { killUntilEmpty, pids, remove } from "./processes.ts";
import { readStats } from "./stats.ts";
import { exists } from "../fs/exists.ts";
import { freeze, freezerState, thaw } from "./freezer.ts";

/** Where this machine has v2, with controllers or, in a hybrid, mostly without. */
const UNIFIED = cgroupHierarchies().find(({ names }) => names.includes("unified"))?.mountPoint;

/** A process that uses the CPU until it is killed, in a new cgroup of the v2 hierarchy alone. */
function start(): { cgroup: Cgroup; dir: string; shell: Deno.ChildProcess } {
  const dir = `${UNIFIED}/berth-test-${crypto.randomUUID()}`;
  Deno.mkdirSync(dir);
  const shell = new Deno.Command("busybox", {
    args: ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; while :; do :; done', dir],
    stdin: "null",
  }).spawn();
  return { cgroup: { version: 2, paths: { unified: dir } }, dir, shell };
}

Deno.test({
  name: "v2, this machine's own: processes, CPU time, freezer, kill and removal",
  ignore: UNIFIED === undefined,
  async fn() {
    const { cgroup, dir, shell } = start();
    try {
      await until("the process", () => pids(cgroup).includes(shell.pid));
      assert.deepEqual(findCgroup(shell.pid), cgroup, "found by its process");
      // Below it a threaded one, whose processes the kernel lists above it only.
      Deno.mkdirSync(`${dir}/threads`);
      Deno.writeTextFileSync(`${dir}/threads/cgroup.type`, "threaded", { create: false });
      assert.throws(() => Deno.readTextFileSync(`${dir}/threads/cgroup.procs`));
      assert.deepEqual(pids(cgroup), [shell.pid]);

      await until("CPU time", () => (readStats(cgroup).cpu?.usageUsec ?? 0) > 10_000);
      const { cpu, memory, pids: tasks, io } = readStats(cgroup);
      const { userUsec = NaN, systemUsec = NaN, usageUsec } = cpu ?? { usageUsec: NaN };
      // Read from one file, but the kernel rounds each part.
      assert.ok(Math.abs(userUsec + systemUsec - usageUsec) <= 2, JSON.stringify(cpu));
      const controllers = Deno.readTextFileSync(`${dir}/cgroup.controllers`).trim().split(" ");
      assert.deepEqual(
        [memory, tasks, io].map((figures) => figures !== undefined),
        ["memory", "pids", "io"].map((name) => controllers.includes(name)),
      );

      assert.equal(freezerState(cgroup), "thawed");
      freeze(cgroup);
      await until("the freezing", () => freezerState(cgroup) === "frozen");
      // A process counts as frozen just before it stops to run.
      let before = readStats(cgroup).cpu;
      await until("nothing runs", () => {
        const { cpu } = readStats(cgroup);
        const stands = cpu?.usageUsec === before?.usageUsec;
        before = cpu;
        return stands;
      });
      assert.deepEqual(readStats(cgroup).cpu, before, "nothing runs");
      thaw(cgroup);
      await until("the thawing", () => freezerState(cgroup) === "thawed");
      await until(
        "more CPU time",
        () => (readStats(cgroup).cpu?.usageUsec ?? 0) > (before?.usageUsec ?? NaN),
      );

      freeze(cgroup);
      assert.equal(await killUntilEmpty(cgroup, { timeoutMs: 60_000 }), true, "frozen or not");
      assert.equal((await shell.status).signal, "SIGKILL");
    } finally {
      await killUntilEmpty(cgroup, { timeoutMs: 60_000 });
      await shell.status;
      await remove(cgroup, { timeoutMs: 60_000 });
    }
    assert.equal(exists(dir), false);
    assert.deepEqual(Object.keys(readStats(cgroup)), ["timestamp"]);
    assert.equal(freezerState(cgroup), undefined);
    assert.deepEqual(pids(cgroup), []);
  },
});
