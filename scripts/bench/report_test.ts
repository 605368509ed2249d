// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { resultOfRow, table } from "./report.ts";
import type { Row } from "./row.ts";

const row: Row = {
  title: "a life",
  unit: "ms",
  better: "lower",
  target: { containerd: 0.65, bare: 1.15 },
  samples: { berth: [50, 60, 40], containerd: [100, 90, 110], bare: [45, 45, 44] },
};

Deno.test("resultOfRow: a ratio is berth's median over the other's", () => {
  const { ratios, summaries } = resultOfRow(row);
  assert.equal(summaries.berth?.median, 50);
  assert.equal(ratios.containerd, 0.5);
  assert.equal(ratios.bare, 50 / 45);
});

Deno.test("resultOfRow: a target is met only when all of its parts are", () => {
  assert.equal(resultOfRow(row).met, true);
  assert.equal(resultOfRow({ ...row, target: { containerd: 0.65, bare: 1.1 } }).met, false);
  assert.equal(resultOfRow({ ...row, target: { absolute: 49 } }).met, false);
});

Deno.test("resultOfRow: where more is better a target is a lower bound", () => {
  const more: Row = { ...row, better: "higher", target: { containerd: 0.5 } };
  assert.equal(resultOfRow(more).met, true);
  assert.equal(resultOfRow({ ...more, target: { containerd: 0.6 } }).met, false);
});

Deno.test("resultOfRow: what was not measured has no figure, no ratio and no verdict", () => {
  const { summaries, ratios, met } = resultOfRow({ ...row, samples: { berth: [1] } });
  assert.deepEqual(Object.keys(summaries), ["berth"]);
  assert.deepEqual(ratios, {});
  assert.equal(met, undefined);
});

Deno.test("resultOfRow: a median of 0 gives no ratio", () => {
  assert.deepEqual(resultOfRow({ ...row, samples: { berth: [1], containerd: [0] } }).ratios, {});
});

Deno.test("resultOfRow: the table's columns are aligned and say whether the target is met", () => {
  const lines = table([resultOfRow(row), resultOfRow({ ...row, title: "µ", target: {} })]).split(
    "\n",
  );
  assert.equal(lines.length, 4);
  assert.equal(new Set(lines.map((line) => [...line].length)).size, 1);
  assert.match(lines[2] ?? "", /a life.*50\.0 ms.*100 ms.*45\.0 ms.*0\.50.*1\.11.*met/);
});
