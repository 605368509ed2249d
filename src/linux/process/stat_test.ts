// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { liveProcesses, processStat } from "./stat.ts";

Deno.test("liveProcesses: this process is among them, with its parent and its start time", () => {
  const own = liveProcesses((pid) => pid === Deno.pid);
  const startTime = processStat("self")?.startTime;
  assert.deepEqual(own, [{ pid: Deno.pid, parent: Deno.ppid, startTime }]);
  assert.ok(liveProcesses().some(({ pid }) => pid === Deno.pid));
});

Deno.test("processStat tells how a process is scheduled", async () => {
  const args = ["-n", "5", "chrt", "--batch", "0", "sleep", "1000"];
  const child = new Deno.Command("nice", { args }).spawn();
  const stat = () => processStat(child.pid);
  try {
    await until("the command", () => stat()?.name === "sleep");
    const own = Number(new TextDecoder().decode(new Deno.Command("nice").outputSync().stdout));
    const { nice, policy, realtimePriority } = stat() ?? {};
    // include/uapi/linux/sched.h: SCHED_BATCH.
    assert.deepEqual({ nice, policy, realtimePriority }, {
      nice: own + 5,
      policy: 3,
      realtimePriority: 0,
    });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});
