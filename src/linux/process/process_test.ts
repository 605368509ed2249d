// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { EINVAL, ESRCH, isErrno } from "../libc/errno.ts";
import { isAlive, kill, killIfSame, setProcessName, startTime, zombieStatus } from "./process.ts";
import { Reaper } from "./reaper.ts";
import { SIGKILL, SIGTERM } from "./signals.ts";
import { processStat } from "./stat.ts";

Deno.test("zombieStatus: the status of a zombie can be read before it is reaped", async () => {
  const parent = new Deno.Command("sh", {
    args: ["-c", "(exit 7) & exec sleep 1000"],
    stdin: "null",
    stdout: "null",
  }).spawn();
  const children = `/proc/${parent.pid}/task/${parent.pid}/children`;
  try {
    const status = await until("the end of the child", () => {
      const child = Number(Deno.readTextFileSync(children).trim());
      return child > 0 && zombieStatus(child);
    });
    assert.equal(status, 7);
    assert.equal(zombieStatus(parent.pid), undefined);
  } finally {
    parent.kill("SIGKILL");
    await parent.status;
  }
});

Deno.test("isAlive: a process is known by pid and start time", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  const started = startTime(child.pid);
  assert.ok(started !== undefined && started > 0);
  assert.ok(isAlive(child.pid, started));
  assert.ok(!isAlive(child.pid, started + 1), "another process with the same pid");
  child.kill(SIGKILL);
  await child.exited;
  assert.equal(startTime(child.pid), undefined);
  assert.ok(!isAlive(child.pid, started));
});

Deno.test("killIfSame signals the process of that start time and no other", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  const started = startTime(child.pid) ?? 0;
  assert.equal(killIfSame(child.pid, started + 1, SIGKILL), false);
  assert.ok(isAlive(child.pid, started));
  assert.equal(killIfSame(child.pid, started, SIGKILL), true);
  assert.equal((await child.exited).signal, SIGKILL);
  assert.equal(killIfSame(child.pid, started, SIGKILL), false);
});

Deno.test("processStat tells parent and CPU time", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  assert.equal(processStat(child.pid)?.parent, Deno.pid);
  const { userTicks = 0, systemTicks = 0 } = processStat("self") ?? {};
  assert.ok(userTicks + systemTicks > 0);
  child.kill(SIGKILL);
  await child.exited;
});

Deno.test("startTime: a zombie has a start time but is not alive", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  const started = startTime(child.pid) ?? 0;
  child.kill(SIGKILL);
  // Nothing is reaped before this test gives way to the event loop.
  while (!Deno.readTextFileSync(`/proc/${child.pid}/stat`).includes(") Z "));
  assert.equal(startTime(child.pid), started);
  assert.ok(!isAlive(child.pid, started));
  await child.exited;
});

Deno.test("startTime: a name with blanks and parentheses does not confuse the start time", () => {
  const name = Deno.readTextFileSync("/proc/self/comm").trim();
  const before = startTime(Deno.pid);
  try {
    setProcessName(") x (1 2");
    assert.equal(Deno.readTextFileSync("/proc/self/comm"), ") x (1 2\n");
    assert.equal(startTime(Deno.pid), before);
  } finally {
    setProcessName(name);
  }
});

Deno.test("kill never reaches a group or everybody", () => {
  for (const pid of [0, -1, -Deno.pid, 1.5, NaN]) {
    assert.throws(() => kill(pid, 0), (error) => isErrno(error, EINVAL), String(pid));
  }
  kill(Deno.pid, 0);
  assert.throws(() => kill(2 ** 22 + 1, SIGTERM), (error) => {
    return isErrno(error, ESRCH) && error.message.startsWith("kill process 4194305 with signal 15");
  });
});
