// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import { columns, formatRows } from "../text/rows.ts";
import { parseTemplate } from "../text/template.ts";
import { USAGE_FIELDS, usageOf, usageTable } from "./usage.ts";

const stats = (second: number, usageUsec: number): Stats => ({
  timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  cpu: { usageUsec },
  memory: { usageBytes: 3 << 20, workingSetBytes: 2 << 20, limitBytes: 64 << 20 },
  pids: { current: 3, limit: 50 },
});

Deno.test("usageOf: what a cgroup does not tell is a dash, never a zero", () => {
  assert.deepEqual(usageOf("a", undefined, { timestamp: "2026-01-01T00:00:00.000Z" }), { id: "a" });
  assert.match(usageTable([{ id: "a" }], undefined)[1] ?? "", /^a +- +- +- +- +- +- +-$/);
});

Deno.test("usageTable: ids are cut on a narrow screen, and figures go where not all fit", () => {
  const usages = [usageOf("web", stats(0, 0), stats(1, 500_000))];
  assert.deepEqual(usageTable(usages, 80), [
    "ID    CPU %   MEMORY   LIMIT   MEM %   PIDS   READ   WRITTEN",
    "web    50.0     2MiB   64MiB     3.1   3/50      -         -",
  ]);
  assert.deepEqual(usageTable(usages, 40), [
    "ID  CPU % MEMORY LIMIT PIDS READ WRITTEN",
    "web  50.0   2MiB 64MiB 3/50    -       -",
  ]);
  const long = usages.map((usage) => ({ ...usage, id: "x".repeat(76), status: "running" }));
  const [header = "", row = ""] = usageTable(long, 80);
  assert.match(header, /^ID +STATUS +CPU % +MEMORY +LIMIT +MEM % +PIDS +READ +WRITTEN$/);
  assert.match(row, /^x+… +running +50\.0 /);
  assert.match(usageTable(long, 40)[1] ?? "", /^x+… +running +50\.0 +2MiB +3\/50/);
  for (const line of usageTable(long, 40)) assert.ok([...line].length <= 40, line);
  assert.deepEqual(usageTable(usages, 12), ["ID    CPU %", "web    50.0"]);
});

Deno.test("USAGE_FIELDS: shares and pairs of figures are written as docker writes them", () => {
  const io = { readBytes: 1 << 20, writeBytes: 0, reads: 1, writes: 0, devices: [] };
  const rows = [usageOf("a", undefined, { ...stats(0, 0), io }), { id: "b" }];
  const template = columns(USAGE_FIELDS, ["MemUsage", "BlockIO"]);
  assert.deepEqual(formatRows(rows, template, USAGE_FIELDS, { plain: true }), [
    "MEM USAGE / LIMIT   BLOCK I/O",
    "     2MiB / 64MiB   1MiB / 0B",
    "            - / -       - / -",
  ]);
  const shares = parseTemplate("{{.CPUPerc}} {{.MemPerc}}", { fields: Object.keys(USAGE_FIELDS) });
  const used = [usageOf("a", stats(0, 0), stats(1, 5_000)), { id: "b" }];
  assert.deepEqual(formatRows(used, shares, USAGE_FIELDS), ["0.50% 3.13%", "- -"]);
});
