// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import { joinShimCgroup } from "./shim_cgroup.ts";

Deno.test("joinShimCgroup: where cgroups are v2, a hierarchy of v1 beside it does not count", () => {
  using tree = new FileTree({ "net_cls/shims/cgroup.procs": "", "unified/shims/cgroup.procs": "" });
  const v1 = { names: ["net_cls"], root: "/", mountPoint: `${tree.dir}/net_cls` };
  const v2 = { names: ["unified"], root: "/", mountPoint: "/sys/fs/cgroup" };
  assert.throws(() => joinShimCgroup("/shims", [v1, v2]), /there is no cgroup \/shims/);
  const procs = (name: string) => Deno.readTextFileSync(`${tree.dir}/${name}/shims/cgroup.procs`);
  assert.equal(procs("net_cls"), "");
  // A hybrid is v1.
  joinShimCgroup("shims", [v1, { ...v2, mountPoint: `${tree.dir}/unified` }]);
  assert.deepEqual([procs("net_cls"), procs("unified")], [String(Deno.pid), ""]);
});
