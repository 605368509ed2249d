// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  cgroupOfPath,
  cgroupsPathBelow,
  defaultCgroupsPath,
  isSystemdPath,
  renamedCgroupsPath,
} from "./cgroups_path.ts";

Deno.test("defaultCgroupsPath is below the daemon's own cgroup, whatever the id", () => {
  assert.equal(defaultCgroupsPath("cgroupfs", "berth-1", "x.service"), "/berth-1/x.service");
});

Deno.test("defaultCgroupsPath of systemd names a scope, never a unit or slice of that name", () => {
  const path = (id: string) => defaultCgroupsPath("systemd", "berth", id);
  assert.equal(path("web"), "system.slice:berth:web");
  assert.equal(path("x.service"), "system.slice:berth:x.service");
  assert.equal(path("user.slice"), "system.slice:berth:user.slice-");
  assert.equal(path("user.slice-"), "system.slice:berth:user.slice--", "another's than that");
});

Deno.test("cgroupsPathBelow takes a cgroup or a slice", () => {
  assert.equal(cgroupsPathBelow("/a/b/", "web"), "/a/b/web");
  assert.equal(cgroupsPathBelow("a", "web"), "/a/web");
  assert.equal(cgroupsPathBelow("/", "web"), "/web");
  assert.equal(cgroupsPathBelow("machine.slice", "web"), "machine.slice:berth:web");
  assert.equal(cgroupsPathBelow("/machine.slice", "web"), "/machine.slice/web");
});

Deno.test("renamedCgroupsPath: a path named after the container is the one that the new id would have", () => {
  const ids = ["web", "x.service", "user.slice", "user.slice-"];
  for (const driver of ["systemd", "cgroupfs"] as const) {
    for (const from of ids) {
      for (const to of ids) {
        const path = defaultCgroupsPath(driver, "berth", from);
        const renamed = renamedCgroupsPath(path, from, to);
        assert.equal(renamed, defaultCgroupsPath(driver, "berth", to), `${from} to ${to}`);
      }
    }
  }
  for (const path of ["/a/b", "a.slice:berth:b", "a.slice:web:b", "/a/b:web", "/a/xweb"]) {
    assert.equal(renamedCgroupsPath(path, "web", "other"), path, path);
  }
});

Deno.test("isSystemdPath tells the two forms apart", () => {
  for (const path of ["system.slice:berth:web", ":berth:web", "::web"]) {
    assert.ok(isSystemdPath(path));
  }
  for (const path of ["/berth/web", "web", "/a:b:c", "a:b", "a:b:"]) {
    assert.ok(!isSystemdPath(path));
  }
});

Deno.test("cgroupOfPath is the cgroup that a path comes to", () => {
  assert.equal(cgroupOfPath("/a/web"), "/a/web");
  assert.equal(cgroupOfPath("/a/web/"), "/a/web");
  assert.equal(cgroupOfPath("a/web"), undefined);
  assert.equal(cgroupOfPath("system.slice:berth:web"), "/system.slice/berth-web.scope");
  assert.equal(cgroupOfPath("a-b.slice:berth:web"), "/a.slice/a-b.slice/berth-web.scope");
  assert.equal(cgroupOfPath("a.slice:berth:b.slice"), "/a.slice/b.slice");
  assert.equal(cgroupOfPath(":berth:web"), "/system.slice/berth-web.scope");
  assert.equal(cgroupOfPath("-.slice:berth:web"), "/berth-web.scope");
});
