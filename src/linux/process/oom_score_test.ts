// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EINVAL, isErrno } from "../libc/errno.ts";
import { borrowOomScoreAdj, setOomScoreAdj } from "./oom_score.ts";
import { Reaper } from "./reaper.ts";
import { SIGKILL } from "./signals.ts";

function scoreOf(pid: number | "self"): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`));
}

Deno.test("setOomScoreAdj: sets that of another process", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const child = reaper.spawn(["sleep", "60"]);
  setOomScoreAdj(child.pid, 500);
  assert.equal(scoreOf(child.pid), 500);
  assert.throws(() => setOomScoreAdj(child.pid, 5000), (error) => isErrno(error, EINVAL));
  child.kill(SIGKILL);
  await child.exited;
});

Deno.test("borrowOomScoreAdj: spawnProcess: a child has the OOM score that it is given, this process keeps its own", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const own = scoreOf("self");
  {
    using _borrowed = borrowOomScoreAdj(321);
    for (const [given, expected] of [[undefined, 321], [0, 0], [77, 77], [321, 321]] as const) {
      const child = reaper.spawn(
        ["sleep", "60"],
        given === undefined ? {} : { oomScoreAdj: given },
      );
      assert.equal(scoreOf(child.pid), expected);
      assert.equal(scoreOf("self"), 321);
      child.kill(SIGKILL);
      await child.exited;
    }
  }
  assert.equal(scoreOf("self"), own);
});
