// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { findCgroup2 } from "../../src/oci/driver/keep_mount.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { runDir } from "../harness/run.ts";
import { cgroupOptions } from "../harness/runtime/cgroup_options.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

Deno.test("host options: cgroup v2 keeps them where a spec mounts cgroups without a namespace of its own", async () => {
  const runtime = RuntimeWrapper.create(runDir());
  await using daemon = await TestDaemon.start({ config: runtime.config });
  using cgroups = cgroupOptions();
  const note = `${daemon.state}/cgroup2-options`, seen = `${daemon.dir}/seen`;
  // A host whose cgroup v2 has no options shows at least that they were noted.
  runtime.rule("create", `cp '${note}' '${seen}' || :\n${cgroups.strip} || exit 1`);
  const { mounts: others } = daemon.spec([]);
  assert.ok(Array.isArray(others));
  const options = ["nosuid", "noexec", "nodev", "ro"];
  const mounts = [
    ...others,
    { destination: "/sys", type: "sysfs", source: "sysfs", options },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options },
  ];
  await daemon.run("a", ["sleep", "1000"], { mounts });
  assert.equal(existsSync(seen), findCgroup2() !== undefined);
  assert.ok(cgroups.areKept());
  assert.equal(existsSync(note), false);
});
