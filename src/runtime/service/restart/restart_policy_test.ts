// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { RestartPolicy } from "../../../rpc/contract/schemas.ts";
import { NO_PROGRESS, type RestartProgress } from "../../definitions/service_record.ts";
import { comesBack, delayLeft, type EndedRun, nextRestart } from "./restart_policy.ts";

const runs: fc.Arbitrary<EndedRun> = fc.record({
  exitStatus: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })),
  ranFor: fc.oneof(fc.integer({ min: 0, max: 12_000 }), fc.constantFrom(0, 9_999, 10_000)),
  stopper: fc.constantFrom(undefined, undefined, undefined, "user", "shutdown"),
});

const policies: fc.Arbitrary<RestartPolicy> = fc.oneof(
  fc.record({ policy: fc.constantFrom("no", "always", "unless-stopped") }),
  fc.record({ policy: fc.constant("on-failure"), maxRetries: fc.integer({ min: 0, max: 5 }) }),
);

/** Every delay that there can be, in milliseconds. */
const DELAYS = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000];

Deno.test("nextRestart: any series of runs is restarted as docker does", () => {
  fc.assert(fc.property(policies, fc.array(runs, { maxLength: 30 }), (policy, series) => {
    let progress: RestartProgress = NO_PROGRESS;
    // The model: how many restarts, and how many of them since the last good run.
    let restarts = 0;
    let inARow = 0;
    for (const run of series) {
      const next = nextRestart(policy, progress, run);
      if (run.ranFor >= 10_000) inARow = 0;
      const failed = run.exitStatus !== 0;
      const wanted = run.stopper === undefined && (
        policy.policy === "always" || policy.policy === "unless-stopped" ||
        (policy.policy === "on-failure" && failed &&
          (!policy.maxRetries || restarts < policy.maxRetries))
      );
      assert.equal(next !== undefined, wanted);
      if (next === undefined) return;
      assert.equal(next.count, ++restarts);
      assert.equal(next.delay, DELAYS[Math.min(inARow++, DELAYS.length - 1)]);
      progress = next;
    }
  }));
});

Deno.test("nextRestart: a container that always fails waits a minute in the end", () => {
  let progress: RestartProgress = NO_PROGRESS;
  const delays: number[] = [];
  for (let run = 0; run < 12; run++) {
    const next = nextRestart({ policy: "always" }, progress, { exitStatus: 1, ranFor: 50 });
    assert.ok(next);
    progress = next;
    delays.push(next.delay);
  }
  assert.deepEqual(delays, [...DELAYS, 60_000]);
});

Deno.test("comesBack: always, and unless-stopped unless a user has stopped it", () => {
  const table = (["no", "on-failure", "always", "unless-stopped"] as const).map((policy) => [
    policy,
    ...([undefined, "shutdown", "user"] as const).map((stopper) => comesBack({ policy }, stopper)),
  ]);
  assert.deepEqual(table, [
    ["no", false, false, false],
    ["on-failure", false, false, false],
    ["always", true, true, true],
    ["unless-stopped", true, true, false],
  ]);
});

Deno.test("delayLeft: a restart is due when it was decided, and never later than its delay", () => {
  const left = (at: number, delay: number) => delayLeft(at, 1_000_000, { count: 1, delay });
  assert.equal(left(1_000_050, 100), 50);
  assert.equal(left(999_000, 100), 0);
  // The clock was set back.
  assert.equal(left(9_000_000, 100), 100);
  assert.equal(left(9_000_000, 1e9), 60_000);
  assert.equal(left(NaN, 100), 100);
});
