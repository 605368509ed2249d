// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { heapInUse } from "../../../tests/harness/memory.ts";
import { cgroupHierarchies, findCgroup, type Hierarchy, pathBelow } from "./find.ts";
import { FileTree, ON_V1, TestCgroup } from "./cgroup_testing.ts";
import { parseMountInfo } from "../mount/mountinfo.ts";

function hierarchies(...lines: string[]): Hierarchy[] {
  return cgroupHierarchies(parseMountInfo(lines.join("\n")));
}

const V2 = hierarchies(
  "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
);

const HYBRID = hierarchies(
  "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755",
  "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
  "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
  "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
  "34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
);

/** A proc file system in which process 42 is in the cgroups `it`, and the asking one in `own`. */
function proc(it: string, own: string): FileTree {
  return new FileTree({ "42/cgroup": `${it}\n`, "self/cgroup": `${own}\n` });
}

Deno.test("findCgroup: v2: one path, unified", () => {
  using tree = proc("0::/system.slice/web:1", "0::/system.slice/berth.service");
  assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: V2 }), {
    version: 2,
    paths: { unified: "/sys/fs/cgroup/system.slice/web:1" },
  });
});

Deno.test("findCgroup: hybrid: a path for each controller, mounted together or not, and unified", () => {
  using tree = proc(
    "4:memory:/user/web\n3:cpu,cpuacct:/web\n1:name=systemd:/s/web\n0::/u/web",
    "4:memory:/user\n3:cpu,cpuacct:/\n1:name=systemd:/s\n0::/u",
  );
  assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: HYBRID }), {
    version: 1,
    paths: {
      memory: "/sys/fs/cgroup/memory/user/web",
      cpu: "/sys/fs/cgroup/cpu,cpuacct/web",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct/web",
      "name=systemd": "/sys/fs/cgroup/systemd/s/web",
      unified: "/sys/fs/cgroup/unified/u/web",
    },
  });
});

Deno.test("findCgroup: a hierarchy in which the process is in the root or in our own cgroup is left out", () => {
  using tree = proc(
    "4:memory:/shared\n3:cpu,cpuacct:/\n1:name=systemd:/s\n0::/u/web",
    "4:memory:/shared\n3:cpu,cpuacct:/x\n1:name=systemd:/s/below\n0::/u",
  );
  assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: HYBRID }), {
    version: 2,
    paths: { unified: "/sys/fs/cgroup/unified/u/web" },
  });
});

Deno.test("findCgroup: the cgroup of the process's parent, its shim, is left out", () => {
  using tree = new FileTree({
    "42/cgroup": "0::/shims\n",
    "42/status": "Name:\tsleep\nPPid:\t7\n",
    "7/cgroup": "0::/shims\n",
    "self/cgroup": "0::/berth.service\n",
  });
  assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: V2 }).paths, {});
});

Deno.test("findCgroup: a part of the hierarchy that is mounted inside a container is taken into account", () => {
  const inside = hierarchies("30 23 0:26 /docker/ab /sys/fs/cgroup rw - cgroup2 cgroup rw");
  using tree = proc("0::/docker/ab/web", "0::/docker/ab/berth");
  assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: inside }).paths, {
    unified: "/sys/fs/cgroup/web",
  });
  using outside = proc("0::/docker/abc/web", "0::/docker/ab");
  assert.deepEqual(findCgroup(42, { proc: outside.dir, hierarchies: inside }).paths, {});
});

Deno.test("findCgroup: a cgroup out of sight or removed is left out", () => {
  for (const path of ["/../other", "/web (deleted)"]) {
    using tree = proc(`0::${path}`, "0::/berth");
    assert.deepEqual(findCgroup(42, { proc: tree.dir, hierarchies: V2 }).paths, {});
  }
});

Deno.test("findCgroup: a controller that is not mounted is left out", () => {
  using tree = proc("9:rdma:/web\n4:memory:/web", "9:rdma:/\n4:memory:/");
  assert.deepEqual(Object.keys(findCgroup(42, { proc: tree.dir, hierarchies: HYBRID }).paths), [
    "memory",
  ]);
});

Deno.test("findCgroup: a process that does not exist is ESRCH", () => {
  assert.throws(() => findCgroup(2 ** 22 + 1), { code: "ESRCH", message: /process 4194305/ });
});

Deno.test("find: the real cgroup of a process is found, and survives JSON", async () => {
  await using test = TestCgroup.start();
  const { version, paths } = JSON.parse(JSON.stringify(test.cgroup));
  assert.equal(version, ON_V1.ignore ? 2 : 1);
  const controllers = ["memory", "cpu", "cpuacct", "pids", "freezer", "blkio"];
  for (const name of [...ON_V1.ignore ? [] : controllers, "unified"]) {
    const procs = Deno.readTextFileSync(`${paths[name]}/cgroup.procs`);
    assert.equal(procs.trim(), String(test.pid), name);
  }
  assert.equal(paths.cpuset, undefined);
});

Deno.test("cgroupHierarchies: who keeps what it returns does not keep the text of all mounts", () => {
  const many = "30 23 0:26 / /var/lib/a/directory rw - overlay overlay rw\n".repeat(20_000);
  const line = "31 30 0:27 / /sys/fs/cgroup/a-long-name rw - cgroup2 cgroup2 rw,nsdelegate";
  const count = 40;
  const before = heapInUse();
  const kept = Array.from({ length: count }, (_, number) => hierarchies(`${number}${many}${line}`));
  const each = (heapInUse() - before) / count;
  assert.equal(kept[0]?.[0]?.mountPoint, "/sys/fs/cgroup/a-long-name");
  assert.ok(each < many.length / 4, `${each} bytes each of a text of ${many.length}`);
});

Deno.test("pathBelow: the path in the hierarchy that is mounted above; none where none is", () => {
  const path = "/system.slice/cri-containerd-0123.scope";
  const hierarchy = { names: ["unified"], mountPoint: "/sys/fs/cgroup", root: "/" };
  assert.equal(pathBelow(`/sys/fs/cgroup${path}`, [hierarchy]), path);
  assert.equal(pathBelow(`/sys/fs/cgroup2${path}`, [hierarchy]), undefined);
  const memory = { ...hierarchy, names: ["memory"], mountPoint: "/sys/fs/cgroup2" };
  assert.equal(pathBelow(`/sys/fs/cgroup2${path}`, [hierarchy, memory]), path);
});
