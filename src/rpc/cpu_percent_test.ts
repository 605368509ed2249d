// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Stats } from "./contract/stats_schema.ts";
import { cpuPercent } from "./cpu_percent.ts";

const stats = (second: number, usageUsec: number): Stats => ({
  timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  cpu: { usageUsec },
});

Deno.test("cpuPercent: CPU use is a share of one CPU between two samples", () => {
  assert.equal(cpuPercent(stats(0, 0), stats(2, 1_000_000)), 50);
  assert.equal(cpuPercent(stats(0, 0), stats(1, 2_000_000)), 200);
  assert.equal(cpuPercent(undefined, stats(1, 2)), undefined);
  assert.equal(cpuPercent(stats(1, 0), stats(1, 5)), undefined);
});
