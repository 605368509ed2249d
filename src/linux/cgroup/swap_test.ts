// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { limitsSwap } from "./swap.ts";
import { FileTree } from "./cgroup_testing.ts";

Deno.test("limitsSwap looks at the files that a limit would be written to", () => {
  using v2 = new FileTree({ "cgroup.procs": "", "system.slice/memory.swap.max": "max\n" });
  using none = new FileTree({ "system.slice/memory.max": "max\n" });
  using v1 = new FileTree({ "memory.memsw.limit_in_bytes": "1\n" });
  const at = (name: string, { dir }: FileTree) => ({ names: [name], root: "/", mountPoint: dir });
  assert.equal(limitsSwap([at("unified", v2)]), true);
  assert.equal(limitsSwap([at("unified", none)]), false);
  assert.equal(limitsSwap([at("memory", v1), at("unified", none)]), true);
  assert.equal(limitsSwap([at("memory", none), at("unified", v2)]), false);
  assert.equal(limitsSwap([]), false);
});
