// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { FileTree, ON_V1, TestCgroup, untilFrozen } from "./cgroup_testing.ts";
import { freeze, freezerState, thaw } from "./freezer.ts";

Deno.test("freezerState: v1: a real cgroup freezes and thaws", ON_V1, async () => {
  await using test = TestCgroup.start();
  assert.equal(freezerState(test.cgroup), "thawed");
  await untilFrozen(test.cgroup);
  thaw(test.cgroup);
  assert.equal(freezerState(test.cgroup), "thawed");
});

Deno.test("thaw: v1: a cgroup below that was frozen on its own is thawed too", ON_V1, async () => {
  await using test = TestCgroup.start();
  const inner = `${test.cgroup.paths.freezer}/inner/most`;
  Deno.mkdirSync(inner, { recursive: true });
  Deno.writeTextFileSync(`${inner}/cgroup.procs`, String(test.pid), { create: false });
  const cgroup = { version: 1 as const, paths: { freezer: inner } };
  await untilFrozen(cgroup);
  assert.equal(freezerState(test.cgroup), "thawed");
  thaw(test.cgroup);
  assert.equal(freezerState(cgroup), "thawed");
});

Deno.test("freezerState: v2: a real cgroup freezes and thaws", async () => {
  await using test = TestCgroup.start();
  const { unified } = test.cgroup.paths;
  const cgroup = { version: 2 as const, paths: { unified: unified! } };
  assert.equal(freezerState(cgroup), "thawed");
  await untilFrozen(cgroup);
  thaw(cgroup);
  await until("thawed", () => freezerState(cgroup) === "thawed");
});

Deno.test("freezerState: v2: asked to freeze and not yet frozen is freezing", () => {
  using tree = new FileTree({
    "cgroup.events": "populated 1\nfrozen 0\n",
    "cgroup.freeze": "1\n",
  });
  assert.equal(freezerState({ version: 2, paths: { unified: tree.dir } }), "freezing");
});

Deno.test("freezerState: v2: frozen by a cgroup above is frozen", () => {
  using tree = new FileTree({
    "cgroup.events": "populated 1\nfrozen 1\n",
    "cgroup.freeze": "0\n",
  });
  assert.equal(freezerState({ version: 2, paths: { unified: tree.dir } }), "frozen");
});

Deno.test("freezerState: without a freezer, or when it is gone, there is no state", () => {
  const gone = "/sys/fs/cgroup/berth-none";
  assert.equal(freezerState({ version: 1, paths: { memory: gone } }), undefined);
  assert.equal(freezerState({ version: 1, paths: { freezer: gone } }), undefined);
  assert.equal(freezerState({ version: 2, paths: { unified: gone } }), undefined);
  freeze({ version: 1, paths: { freezer: gone } });
  thaw({ version: 2, paths: { unified: gone } });
});
