// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { detectCgroupDriver } from "./driver.ts";

Deno.test("detectCgroupDriver is systemd's where that is init and cgroups are v2 alone", () => {
  const v2 = { names: ["unified"], root: "/", mountPoint: "/sys/fs/cgroup" };
  // A hierarchy of v1 without a resource controller beside it, as of a VPN client.
  const netCls = { names: ["net_cls"], root: "/", mountPoint: "/sys/fs/cgroup/net_cls" };
  const hybrid = { names: ["unified"], root: "/", mountPoint: "/sys/fs/cgroup/unified" };
  const v1 = { names: ["memory"], root: "/", mountPoint: "/sys/fs/cgroup/memory" };
  const detect = (systemd: string, ...hierarchies: typeof v2[]) =>
    detectCgroupDriver({ systemd, hierarchies });
  assert.equal(detect("/", v2), "systemd");
  assert.equal(detect("/no/such", v2), "cgroupfs");
  assert.equal(detect("/", netCls, v2), "systemd");
  assert.equal(detect("/", v1, hybrid), "cgroupfs");
  assert.equal(detect("/"), "cgroupfs");
});
