// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileTree } from "./cgroup_testing.ts";
import { joinCgroup } from "./join.ts";

Deno.test("joinCgroup: a cgroup that has gone is an error for this process alone, and no file is made", () => {
  // What was made here has no cgroup.procs, as a cgroup that is being removed.
  using tree = new FileTree({ "a/other": "" });
  const hierarchies = [{ names: ["unified"], root: "/", mountPoint: tree.dir }];
  joinCgroup(2 ** 22 + 1, "/a", hierarchies);
  assert.throws(() => joinCgroup(Deno.pid, "/a", hierarchies), Deno.errors.NotFound);
  assert.deepEqual([...Deno.readDirSync(`${tree.dir}/a`)].map(({ name }) => name), ["other"]);
  tree.write("a/cgroup.procs", "");
  joinCgroup(Deno.pid, "/a", hierarchies);
  assert.equal(Deno.readTextFileSync(`${tree.dir}/a/cgroup.procs`), String(Deno.pid));
});
