// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { liveProcesses, processStat } from "./stat.ts";

Deno.test("liveProcesses: this process is among them, with its parent and its start time", () => {
  const own = liveProcesses((pid) => pid === Deno.pid);
  const startTime = processStat("self")?.startTime;
  assert.deepEqual(own, [{ pid: Deno.pid, parent: Deno.ppid, startTime }]);
  assert.ok(liveProcesses().some(({ pid }) => pid === Deno.pid));
});
