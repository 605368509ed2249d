// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { logFailuresOnce } from "./log_failure.ts";
import { CapturedLog } from "./log_testing.ts";

Deno.test("logFailuresOnce: the reason of the failure before is not logged again", () => {
  using log = new CapturedLog();
  const one = logFailuresOnce(), other = logFailuresOnce();
  for (const reason of ["stuck", "stuck", "worse", "worse", "stuck"]) {
    one("warn", "network", "{id}: {reason}", new Error(reason), { id: "web" });
  }
  other("error", "network", "{reason}", new Error("stuck"));
  assert.deepEqual(log.lines, [
    "warning berth.network: web: stuck",
    "warning berth.network: web: worse",
    "warning berth.network: web: stuck",
    "error berth.network: stuck",
  ]);
});
