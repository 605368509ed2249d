// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { until } from "../harness/poll.ts";

/** How long none of the shims may have run, in milliseconds: shorter periods are found. */
const REST = 5_000;

/** How often each thread of a process has been taken off a CPU, by its tid. */
function switches(pid: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name: tid } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = statusOf(pid, tid);
    const found = [...status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s*(\d+)$/gm)];
    counts[tid] = found.reduce((sum, [, count]) => sum + Number(count), 0);
  }
  return counts;
}

/** Empty where the thread has just ended. */
function statusOf(pid: number, tid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/task/${tid}/status`);
  } catch {
    return "";
  }
}

// Once each, some seconds after it was last used, V8 frees memory and idle threads end; what is done
// again and again would leave no such time of rest.
Deno.test("idle: shims whose containers do nothing do nothing either", async () => {
  await using daemon = await TestDaemon.start();
  const shims: number[] = [];
  for (const id of ["a", "b", "c"]) {
    await daemon.run(id, ["sleep", "1000"]);
    shims.push((await daemon.stateOf(id)).shimPid);
  }
  assert.equal(new Set(shims).size, 3);
  let last = "";
  let since = 0;
  await until("a time in which no shim ran", () => {
    const now = JSON.stringify(shims.map(switches));
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since >= REST;
  }, { everyMs: 250 });
});

Deno.test("idle: a daemon that has had much to do gives its memory back", async () => {
  await using daemon = await TestDaemon.start();
  using client = await daemon.connect();
  const before = anonymousMemory(daemon.pid);
  for (let round = 0; round < 40; round++) {
    await Promise.all(Array.from({ length: 500 }, () => client.call("daemon.info", {})));
  }
  assert.ok(anonymousMemory(daemon.pid) > before);
  await until("less memory than it had at its start", () => anonymousMemory(daemon.pid) < before, {
    everyMs: 250,
  });
});
