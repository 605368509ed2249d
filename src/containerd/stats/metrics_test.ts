// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import { readText } from "../../linux/cgroup/files.ts";
import { cgroupHierarchies } from "../../linux/cgroup/find.ts";
import { killUntilEmpty, remove } from "../../linux/cgroup/processes.ts";
import { decode } from "../protobuf/codec.ts";
import { CODE } from "../ttrpc/messages.ts";
import { MetricsV1 } from "./messages_v1.ts";
import { MetricsV2 } from "./messages_v2.ts";
import { readMetrics } from "./metrics.ts";
import { NO_LIMIT } from "./numbers.ts";

function withFiles(files: Readonly<Record<string, string>>, use: (dir: string) => void) {
  using temp = new TempDir();
  const dir = temp.path;
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
  }
  use(dir);
}

Deno.test("readMetrics reads a cgroup v1 digit for digit", () => {
  const files = {
    "pids.current": "3\n",
    "pids.max": "max\n",
    "cpuacct.usage": "9007199254740993\n",
    "cpuacct.usage_sys": "1\n",
    "cpuacct.usage_percpu": "5 6 \n",
    "cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 9\n",
    "memory.stat": "cache 10\nrss 20\ntotal_inactive_file 30\ntotal_unevictable 40\n",
    "memory.usage_in_bytes": "50\n",
    "memory.limit_in_bytes": "9223372036854771712\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 0\nTotal 4096\n",
  };
  withFiles(files, (dir) => {
    const names = ["pids", "cpuacct", "cpu", "memory", "blkio"];
    const paths = Object.fromEntries(names.map((name) => [name, dir]));
    const { type_url, value } = readMetrics({ version: 1, paths });
    assert.equal(type_url, "io.containerd.cgroups.v1.Metrics");
    const metrics = decode(MetricsV1, value ?? new Uint8Array());
    assert.deepEqual(metrics.pids, { current: 3n, limit: 0n });
    assert.equal(metrics.cpu?.usage?.total, 9007199254740993n);
    assert.deepEqual(metrics.cpu?.usage?.per_cpu, [5n, 6n]);
    assert.equal(metrics.cpu?.throttling?.throttled_time, 9n);
    const stat: Record<string, unknown> = { ...metrics.memory };
    assert.equal(stat["rss"], 20n);
    assert.equal(stat["total_inactive_file"], 30n);
    assert.equal(stat["total_unevictable"], 40n);
    assert.equal(metrics.memory?.usage?.limit, 9223372036854771712n);
    assert.ok(metrics.memory?.kernel_tcp, "callers look into it");
    assert.equal(metrics.memory_oom_control?.oom_kill, 2n);
    const [read, write] = metrics.blkio?.io_service_bytes_recursive ?? [];
    assert.deepEqual([read?.op, read?.major, read?.value, write?.value], ["Read", 8n, 4096n, 0n]);
  });
});

Deno.test("readMetrics reads a cgroup v2", () => {
  const pressure = "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=0 total=1\n";
  const files = {
    "pids.current": "3\n",
    "pids.max": "max\n",
    "cpu.stat": "usage_usec 11\nuser_usec 6\nsystem_usec 5\nnr_throttled 1\n",
    "memory.stat": "anon 10\nfile 20\nworkingset_refault_anon 3\nworkingset_refault_file 4\n",
    "memory.current": "30\n",
    "memory.max": "max\n",
    "memory.events": "low 0\noom 2\noom_kill 1\n",
    "memory.pressure": pressure,
    "io.stat": "8:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=0 dios=0\n8:16 \n",
    "hugetlb.2MB.current": "0\n",
    "hugetlb.2MB.max": "max\n",
    "rdma.current": "mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=1 hca_object=0\n",
    "rdma.max": "mlx4_0 hca_handle=3 hca_object=max\n",
  };
  withFiles(files, (dir) => {
    const { type_url, value } = readMetrics({ version: 2, paths: { unified: dir } });
    assert.equal(type_url, "io.containerd.cgroups.v2.Metrics");
    const metrics = decode(MetricsV2, value ?? new Uint8Array());
    assert.deepEqual(metrics.pids, { current: 3n, limit: NO_LIMIT });
    assert.equal(metrics.cpu?.usage_usec, 11n);
    const stat: Record<string, unknown> = { ...metrics.memory };
    assert.equal(stat["workingset_refault"], 7n);
    assert.deepEqual([metrics.memory?.usage, metrics.memory?.usage_limit], [30n, NO_LIMIT]);
    assert.equal(metrics.memory?.psi?.some?.avg10, 1.5);
    assert.equal(metrics.memory_events?.oom_kill, 1n);
    assert.deepEqual(metrics.io?.usage.map(({ rbytes, wios }) => [rbytes, wios]), [[4096n, 3n]]);
    assert.deepEqual(metrics.rdma, {
      current: [
        { device: "mlx4_0", hca_handles: 2, hca_objects: 2000 },
        { device: "ocrdma1", hca_handles: 1, hca_objects: 0 },
      ],
      limit: [{ device: "mlx4_0", hca_handles: 3, hca_objects: 2 ** 32 - 1 }],
    });
    assert.deepEqual(metrics.hugetlb.map(({ pagesize, max }) => [pagesize, max]), [[
      "2MB",
      NO_LIMIT,
    ]]);
  });
});

/** Where this machine has v2, with controllers or, in a hybrid, mostly without. */
const UNIFIED = cgroupHierarchies().find(({ names }) => names.includes("unified"))?.mountPoint;

Deno.test({
  name: "readMetrics reads the files of this machine's own cgroup v2",
  ignore: UNIFIED === undefined,
  async fn() {
    const dir = `${UNIFIED}/berth-test-${crypto.randomUUID()}`;
    const cgroup = { version: 2, paths: { unified: dir } } as const;
    Deno.mkdirSync(dir);
    const shell = new Deno.Command("busybox", {
      // What it maps once it is there is charged to the cgroup.
      args: ["sh", "-c", `echo $$ >"$0/cgroup.procs"; exec sh -c 'while :; do :; done'`, dir],
      stdin: "null",
    }).spawn();
    try {
      const read = () => {
        const { type_url, value = new Uint8Array() } = readMetrics(cgroup);
        assert.equal(type_url, "io.containerd.cgroups.v2.Metrics");
        return decode(MetricsV2, value);
      };
      await until("CPU time", () => (read().cpu?.usage_usec ?? 0n) > 10_000n);
      const { cpu, memory, io, pids, hugetlb } = read();
      const parts = (cpu?.user_usec ?? 0n) + (cpu?.system_usec ?? 0n);
      // Read from one file, but the kernel rounds each part.
      assert.ok((cpu?.usage_usec ?? 0n) - parts <= 2n, `${cpu?.usage_usec} ${parts}`);
      for (const [name, psi] of Object.entries({ cpu, memory, io })) {
        assert.equal(psi?.psi !== undefined, existsSync(`${dir}/${name}.pressure`), name);
      }
      const total = /^some .* total=(\d+)$/m.exec(readText(`${dir}/cpu.pressure`) ?? "")?.[1];
      if (total !== undefined) assert.ok((cpu?.psi?.some?.total ?? -1n) <= BigInt(total));
      // Figures of what the machine hands down are its own; of all else there is nothing.
      const has = Deno.readTextFileSync(`${dir}/cgroup.controllers`).trim().split(" ");
      assert.equal(memory?.usage_limit, has.includes("memory") ? NO_LIMIT : 0n);
      assert.equal((memory?.usage ?? 0n) > 0n, has.includes("memory"));
      assert.deepEqual(
        pids,
        has.includes("pids") ? { current: 1n, limit: NO_LIMIT } : {
          current: 0n,
          limit: 0n,
        },
      );
      assert.equal(hugetlb.length > 0, has.includes("hugetlb"));
    } finally {
      await killUntilEmpty(cgroup, { timeoutMs: 60_000 });
      await shell.status;
      await remove(cgroup, { timeoutMs: 60_000 });
    }
  },
});

Deno.test("readMetrics of a cgroup that is gone is not found", () => {
  const gone = { version: 1, paths: { memory: "/nonexistent" } } as const;
  for (const cgroup of [undefined, gone]) {
    assert.throws(() => readMetrics(cgroup), { code: CODE.notFound });
  }
});
