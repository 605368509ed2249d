// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { zombieStatus } from "../../linux/process/process.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { killUnlessExited } from "./signal.ts";

Deno.test("killUnlessExited: a process that was reaped, of which nobody was told yet, need not be killed", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const { pid, exited } = reaper.spawn(["sleep", "1000"]);
  // Its end is told later than any turn of the event loop.
  const never = Promise.withResolvers<never>().promise;
  await killUnlessExited(pid, { exited: never });
  assert.equal((await exited).signal, SIGKILL);
  assert.equal(zombieStatus(pid), undefined);
  await killUnlessExited(pid, { exited: never });
});
