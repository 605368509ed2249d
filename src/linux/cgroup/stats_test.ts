// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import type { CgroupStats } from "./stats_types.ts";
import { memoryLimit, memoryUsage, oomKills, readStats } from "./stats.ts";
import { FileTree, ON_V1, TestCgroup } from "./cgroup_testing.ts";

/** Figures without the time at which they were read. */
function figures(stats: CgroupStats): Omit<CgroupStats, "timestamp"> {
  const { timestamp, ...rest } = stats;
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

/** A v2 cgroup as Linux 6.1 with systemd shows it, all controllers enabled. */
const V2_FILES = {
  "cpu.stat": "usage_usec 53219\nuser_usec 30011\nsystem_usec 23208\nnr_periods 12\n" +
    "nr_throttled 3\nthrottled_usec 120034\nnr_bursts 0\nburst_usec 0\n",
  "memory.current": "7340032\n",
  "memory.max": "67108864\n",
  "memory.peak": "8388608\n",
  "memory.swap.current": "4096\n",
  "memory.stat": "anon 1048576\nfile 5242880\nkernel 311296\nkernel_stack 16384\nshmem 0\n" +
    "inactive_anon 1040384\nactive_anon 8192\ninactive_file 3145728\nactive_file 2097152\n",
  "memory.events": "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n",
  "memory.events.local": "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n",
  "pids.current": "5\n",
  "pids.max": "100\n",
  "io.stat": "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n" +
    "8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n7:0 \n",
};

function v2(files: Readonly<Record<string, string>>) {
  const tree = new FileTree(files);
  return { cgroup: { version: 2 as const, paths: { unified: tree.dir } }, tree };
}

Deno.test("oomKills: v2: every figure is read", () => {
  const { cgroup, tree } = v2(V2_FILES);
  using _ = tree;
  assert.deepEqual(figures(readStats(cgroup)), {
    cpu: {
      usageUsec: 53219,
      userUsec: 30011,
      systemUsec: 23208,
      periods: 12,
      throttledPeriods: 3,
      throttledUsec: 120034,
    },
    memory: {
      usageBytes: 7340032,
      limitBytes: 67108864,
      workingSetBytes: 7340032 - 3145728,
      anonBytes: 1048576,
      fileBytes: 5242880,
      swapBytes: 4096,
      oomKills: 2,
    },
    pids: { current: 5, limit: 100 },
    io: {
      readBytes: 91889664,
      writeBytes: 613781504,
      reads: 9142,
      writes: 1605,
      devices: [
        {
          major: 8,
          minor: 16,
          readBytes: 1459200,
          writeBytes: 314773504,
          reads: 192,
          writes: 353,
        },
        {
          major: 8,
          minor: 0,
          readBytes: 90430464,
          writeBytes: 299008000,
          reads: 8950,
          writes: 1252,
        },
      ],
    },
  });
  assert.equal(memoryLimit(cgroup), 67108864);
  assert.equal(memoryUsage(cgroup), 7340032);
  assert.equal(oomKills(cgroup), 2);
});

Deno.test("readStats: v2: a limit of max is no limit", () => {
  const { cgroup, tree } = v2({ ...V2_FILES, "memory.max": "max\n", "pids.max": "max\n" });
  using _ = tree;
  const stats = readStats(cgroup);
  assert.ok(stats.memory && !("limitBytes" in stats.memory));
  assert.deepEqual(stats.pids, { current: 5 });
  assert.equal(memoryLimit(cgroup), undefined);
});

Deno.test("readStats: v2: a controller that is not enabled is absent, not zero", () => {
  const { cgroup, tree } = v2({ "cpu.stat": "usage_usec 9\nuser_usec 4\nsystem_usec 5\n" });
  using _ = tree;
  assert.deepEqual(figures(readStats(cgroup)), {
    cpu: { usageUsec: 9, userUsec: 4, systemUsec: 5 },
  });
  assert.equal(memoryUsage(cgroup), undefined);
  assert.equal(oomKills(cgroup), undefined);
});

Deno.test("readStats: v2: working set is never negative", () => {
  const { cgroup, tree } = v2({ ...V2_FILES, "memory.current": "1024\n" });
  using _ = tree;
  assert.equal(readStats(cgroup).memory?.workingSetBytes, 0);
});

Deno.test("readStats: v1: block IO is read by device, without the total", () => {
  using tree = new FileTree({
    "blkio.throttle.io_service_bytes_recursive":
      "254:0 Read 8192\n254:0 Write 4096\n254:0 Sync 8192\n254:0 Async 4096\n254:0 Discard 0\n" +
      "254:0 Total 12288\nTotal 12288\n",
    "blkio.throttle.io_serviced_recursive":
      "254:0 Read 2\n254:0 Write 1\n254:0 Sync 2\n254:0 Async 1\n254:0 Total 3\nTotal 3\n",
  });
  assert.deepEqual(figures(readStats({ version: 1, paths: { blkio: tree.dir } })), {
    io: {
      readBytes: 8192,
      writeBytes: 4096,
      reads: 2,
      writes: 1,
      devices: [{ major: 254, minor: 0, readBytes: 8192, writeBytes: 4096, reads: 2, writes: 1 }],
    },
  });
});

Deno.test("oomKills: v1: OOM kills in cgroups below are added up", () => {
  using tree = new FileTree({
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "a/b/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
  });
  assert.equal(oomKills({ version: 1, paths: { memory: tree.dir } }), 7);
});

Deno.test("readStats: hybrid: what v1 does not have is taken from v2", () => {
  using tree = new FileTree({
    "v1/memory.usage_in_bytes": "4096\n",
    "v1/memory.limit_in_bytes": "9223372036854771712\n",
    "v1/memory.stat": "cache 1\nrss 2\ntotal_cache 1024\ntotal_rss 2048\ntotal_inactive_file 96\n",
    "v2/cpu.stat": "usage_usec 9\nuser_usec 4\nsystem_usec 5\n",
    "v2/memory.current": "1\n",
    "v2/pids.current": "3\n",
    "v2/pids.max": "max\n",
  });
  const paths = { memory: `${tree.dir}/v1`, unified: `${tree.dir}/v2` };
  assert.deepEqual(figures(readStats({ version: 1, paths })), {
    cpu: { usageUsec: 9, userUsec: 4, systemUsec: 5 },
    memory: { usageBytes: 4096, workingSetBytes: 4000, anonBytes: 2048, fileBytes: 1024 },
    pids: { current: 3 },
  });
});

Deno.test("readStats: a cgroup that is gone has no figures", () => {
  const paths = { memory: "/sys/fs/cgroup/none", cpuacct: "/sys/fs/cgroup/none" };
  assert.deepEqual(figures(readStats({ version: 1, paths })), {});
  assert.equal(memoryUsage({ version: 1, paths }), undefined);
  assert.equal(oomKills({ version: 1, paths }), undefined);
});

Deno.test("readStats: the real cgroup of a process has figures, and limits only where they are set", async () => {
  await using test = TestCgroup.start();
  const before = readStats(test.cgroup);
  assert.ok(before.cpu && before.memory && before.pids && before.io);
  assert.ok(!("limitBytes" in before.memory) && !("limit" in before.pids));
  assert.equal(before.pids.current, 1);
  assert.equal(before.memory.oomKills, 0);
  assert.equal(before.cpu.throttledPeriods, 0);

  test.set("memory", ON_V1.ignore ? "memory.max" : "memory.limit_in_bytes", String(64 << 20));
  test.set("pids", "pids.max", "20");
  await test.run("dd if=/dev/zero of=/dev/null bs=20M count=5 2>/dev/null");
  const after = readStats(test.cgroup);
  assert.equal(after.memory?.limitBytes, 64 << 20);
  assert.equal(memoryLimit(test.cgroup), 64 << 20);
  assert.deepEqual(after.pids, { current: 0, limit: 20 });
  assert.ok(after.cpu!.usageUsec > before.cpu.usageUsec);
  // Which of the two a short run is counted as is up to the kernel's ticks.
  assert.ok(after.cpu!.userUsec! + after.cpu!.systemUsec! > 0);
});

Deno.test("readStats: the figures have the shape of the contract's stats", () => {
  // Compiling is the test: each type must be assignable to the other.
  const stats: Stats = readStats({ version: 2, paths: {} });
  const keys: readonly (keyof CgroupStats)[] = Object.keys(stats) as (keyof Stats)[];
  assert.deepEqual(keys, ["timestamp"]);
});
