// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import { BUNDLE_FORMAT, type BundleRecord } from "../../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { claimCgroup } from "./cgroup_claim.ts";

const record: BundleRecord = {
  format: BUNDLE_FORMAT,
  id: "web",
  instance: "i",
  runtime: "runc",
  runtimeRoot: "/nowhere",
  stdio: { stdin: "", stdout: "", stderr: "", terminal: false },
  rootfs: [],
  noPivot: false,
  labels: {},
  createdAt: "2026-01-01T00:00:00.000Z",
  cgroupsPath: "/unit/web",
};

Deno.test("claimCgroup: v2: no memory limit below a cgroup that holds processes, which is left as it was", () => {
  using tree = new FileTree({ "unit/cgroup.procs": "42\n" });
  const unified = { names: ["unified"], root: "/", mountPoint: tree.dir };
  const claim = (memory: object, hierarchies = [unified]) =>
    claimCgroup(record, { linux: { resources: { memory } } }, () => undefined, hierarchies);
  assert.throws(() => claim({ limit: 1 << 26 }), (error) => {
    assert.ok(error instanceof FailedPreconditionError);
    assert.match(error.message, /\/unit, above its own, holds processes itself \(42\)/);
    return true;
  });
  assert.deepEqual([...Deno.readDirSync(`${tree.dir}/unit`)].map(({ name }) => name), [
    "cgroup.procs",
  ]);
  claim({})?.[Symbol.dispose]();
  // Where v1 has the controller, that of v2 limits nothing.
  using v1 = new FileTree({ "unit/cgroup.procs": "" });
  claim({ limit: 1 << 26 }, [unified, { ...unified, names: ["memory"], mountPoint: v1.dir }])
    ?.[Symbol.dispose]();
});
