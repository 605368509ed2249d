// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EINVAL, ESRCH, isErrno } from "../libc/errno.ts";
import { Pidfd } from "./pidfd.ts";
import { Reaper } from "./reaper.ts";
import { SIGTERM } from "./signals.ts";

Deno.test("Pidfd: a pidfd signals its process, and tells its exit status once it is reaped", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const killed = reaper.spawn(["sleep", "60"]);
  using first = Pidfd.open(killed.pid);
  assert.equal(first.exitStatus(), undefined);
  first.sendSignal(SIGTERM);
  await killed.exited;
  assert.equal(first.exitStatus(), hasExitInfo() ? 143 : undefined);
  assert.throws(() => first.sendSignal(SIGTERM), (error) => isErrno(error, ESRCH));
  assert.throws(() => Pidfd.open(killed.pid), (error) => isErrno(error, ESRCH));

  const code = reaper.spawn(["sh", "-c", "sleep 0.1; exit 3"]);
  using second = Pidfd.open(code.pid);
  assert.equal((await code.exited).status, 3);
  assert.equal(second.exitStatus(), hasExitInfo() ? 3 : undefined);
});

/** PIDFD_INFO_EXIT came with Linux 6.15. */
function hasExitInfo(): boolean {
  const [major = 0, minor = 0] = Deno.osRelease().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 15);
}

Deno.test("Pidfd: a pid that names no process, only a thread, is ESRCH whatever the kernel says", () => {
  const tids = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => Number(name));
  const tid = tids.find((each) => each !== Deno.pid);
  assert.ok(tid !== undefined);
  assert.throws(() => Pidfd.open(tid), (error) => isErrno(error, ESRCH));
  assert.throws(() => Pidfd.open(0), (error) => isErrno(error, EINVAL));
});
