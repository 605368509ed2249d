// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { Pidfd } from "../../linux/process/pidfd.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { spawnProcess } from "../../linux/process/spawn.ts";
import { AdoptedProcess } from "./adopted_process.ts";

Deno.test("AdoptedProcess: the status of a zombie is told, which no pidfd has before it is reaped", async () => {
  using reaper = Reaper.start({ reapAll: false });
  await using poller = new Poller();
  using reserve = new FdReserve();
  const pid = spawnProcess(["sh", "-c", "exit 7"]);
  using pidfd = Pidfd.open(pid);
  const adopted = await AdoptedProcess.open(pid, { poller, reserve }, () => true);
  assert.equal((await adopted?.exited)?.status, 7);
  assert.equal(pidfd.exitStatus(), undefined);
  assert.equal((await reaper.watch(pid)).status, 7);
});
