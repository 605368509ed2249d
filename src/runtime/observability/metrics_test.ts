// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Cgroup, readStats } from "../../linux/cgroup/cgroup.ts";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import type { MetricsSource } from "./daemon_metrics.ts";
import { parseExposition, sampleOf } from "./exposition_testing.ts";
import { Metrics } from "./metrics.ts";
import type { Monitored } from "../monitors/monitor.ts";

const FILES = {
  "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 12\n" +
    "nr_throttled 3\nthrottled_usec 120000\n",
  "memory.current": "7340032\n",
  "memory.max": "67108864\n",
  "memory.swap.current": "4096\n",
  "memory.stat": "anon 1048576\nfile 5242880\ninactive_file 3145728\n",
  "memory.events": "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\n",
  "pids.current": "5\n",
  "pids.max": "100\n",
  "io.stat": "8:0 rbytes=90 wbytes=299 rios=8 wios=12 dbytes=0 dios=0\n",
};

function monitored(id: string, dir: string): Monitored {
  const cgroup: Cgroup = { version: 2, paths: { unified: dir } };
  return {
    id,
    instance: crypto.randomUUID(),
    cgroup,
    pid: 1,
    oomKills: 0,
    stats: () => readStats(cgroup),
    publish() {},
  };
}

function source(containers: MetricsSource["manager"]["containers"] = []) {
  return {
    manager: { containers, shims: { idle: 2 } },
    subscribers: { size: 3, lag: 4 },
  } satisfies MetricsSource;
}

/** Metrics in which each family has a sample. */
async function filled(dir: string): Promise<string> {
  const metrics = new Metrics();
  metrics.containers.start(monitored("one", dir));
  metrics.daemon.rpc("daemon.info", 1, false);
  metrics.daemon.rpc("container.wait", 3_600_000, false);
  metrics.daemon.rpc("container.start", 20, true);
  metrics.daemon.runtimeCall({ id: "one", subcommand: "create", durationMs: 31, exitCode: 0 });
  metrics.daemon.runtimeCall({ id: "one", subcommand: "create", durationMs: 12_000, exitCode: 1 });
  metrics.daemon.event({
    seq: 1,
    timestamp: "2026-01-01T00:00:00.000Z",
    runtime: "linux",
    type: "start",
    id: "one",
    instance: "i",
    pid: 1,
  });
  metrics.daemon.reconnect();
  metrics.daemon.cleanup();
  return await metrics.render(source([
    { status: "running", shimStatus: "connected", life: { shimPid: 7 } },
    { status: "running", shimStatus: "connected", life: { shimPid: 7 } },
    { status: "stopped", shimStatus: "unavailable", life: { shimPid: 8 } },
  ]));
}

Deno.test("Metrics: what is counted and what is looked at is served, in base units", async () => {
  using tree = new FileTree(FILES);
  const families = parseExposition(await filled(tree.dir));
  const value = (name: string, labels?: Record<string, string>) => sampleOf(families, name, labels);
  assert.equal(value("berth_container_cpu_seconds_total", { id: "one" }), 2.5);
  assert.equal(value("berth_container_cpu_throttled_seconds_total", { id: "one" }), 0.12);
  assert.equal(value("berth_container_memory_usage_bytes", { id: "one" }), 7340032);
  assert.equal(value("berth_container_memory_working_set_bytes", { id: "one" }), 4194304);
  assert.equal(value("berth_container_oom_kills_total", { id: "one" }), 2);
  assert.equal(value("berth_container_io_written_bytes_total", { id: "one" }), 299);
  assert.equal(value("berth_containers", { status: "running" }), 2);
  assert.equal(value("berth_containers", { status: "created" }), 0);
  assert.equal(value("berth_shims", { state: "serving" }), 1, "one shim serves both");
  assert.equal(value("berth_shims", { state: "unavailable" }), 1);
  assert.equal(value("berth_shims", { state: "idle" }), 2);
  assert.equal(value("berth_event_subscribers_max_lag"), 4);
  assert.equal(value("berth_events_published_total", { type: "start" }), 1);
  assert.equal(value("berth_events_published_total", { type: "exit" }), 0);
  assert.equal(value("berth_rpc_calls_total", { method: "container.start", result: "error" }), 1);
  const slow = { subcommand: "create", le: "10" };
  assert.equal(value("berth_runtime_duration_seconds_bucket", slow), 1);
  assert.equal(value("berth_runtime_duration_seconds_sum", { subcommand: "create" }), 12.031);
  assert.ok(value("process_cpu_seconds_total") > 0);
  assert.ok(value("process_resident_memory_bytes") > 1e6);
  const now = Date.now() / 1000;
  assert.ok(value("process_start_time_seconds") <= now);
  assert.ok(value("process_start_time_seconds") > now - 3600);
});

Deno.test("Metrics: a figure that the kernel does not offer is absent, not zero", async () => {
  const { "memory.max": _, "io.stat": __, ...some } = FILES;
  using tree = new FileTree(some);
  const text = await filled(tree.dir);
  assert.doesNotMatch(text, /^berth_container_(memory_limit|io)/m);
  assert.match(text, /^berth_container_memory_usage_bytes\{id="one"\}/m);
});

Deno.test("Metrics: a container's series go with it, and a reused id gets new ones", async () => {
  using tree = new FileTree(FILES);
  using other = new FileTree({ ...FILES, "pids.current": "9\n" });
  const metrics = new Metrics();
  const [first, second] = [monitored("a", tree.dir), monitored("a", other.dir)];
  metrics.containers.start(first);
  metrics.containers.start(second);
  metrics.containers.stop(first);
  const pids = async () =>
    /^berth_container_pids\{id="a"\} (\d+)$/m.exec(await metrics.render(source()))?.[1];
  assert.equal(await pids(), "9");
  metrics.containers.stop(second);
  assert.equal(await pids(), undefined);
});

Deno.test("Metrics: other work goes on while 100 containers are scraped", async () => {
  using tree = new FileTree(FILES);
  const metrics = new Metrics();
  for (let n = 0; n < 100; n++) metrics.containers.start(monitored(`c${n}`, tree.dir));
  const containers = Array.from({ length: 100 }, (_, pid) => ({
    status: "running" as const,
    shimStatus: "connected" as const,
    life: { shimPid: pid },
  }));
  let done = false;
  const rendering = metrics.render(source(containers)).finally(() => done = true);
  let turns = 0;
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  assert.ok(turns >= 200, `only ${turns} turns of the event loop`);
  const families = parseExposition(await rendering);
  assert.equal(families.get("berth_container_cpu_seconds_total")?.samples.length, 100);
});

Deno.test("Metrics: scrapes at the same time share one collection", async () => {
  using tree = new FileTree(FILES);
  const metrics = new Metrics();
  metrics.containers.start(monitored("a", tree.dir));
  const [one, two] = await Promise.all([metrics.render(source()), metrics.render(source())]);
  assert.equal(one, two);
  const families = parseExposition(await metrics.render(source()));
  assert.equal(sampleOf(families, "berth_container_cpu_seconds_total"), 2.5, "not added up");
});

Deno.test("Metrics: docs/metrics.md lists exactly what is served", async () => {
  using tree = new FileTree(FILES);
  const families = parseExposition(await filled(tree.dir));
  const served = Array.from(families.values(), ({ name, type, help, samples }) => {
    const labels = Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== "le");
    return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help];
  });
  const text = await Deno.readTextFile(new URL("../../../docs/metrics.md", import.meta.url));
  const listed = text.split("\n").filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const rows = (table: string[][]) => table.map((row) => `| ${row.join(" | ")} |`).join("\n");
  assert.equal(rows(listed), rows(served));
});

Deno.test("metrics: the parser of these tests refuses what Prometheus refuses", () => {
  const good = "# HELP a_total Help.\n# TYPE a_total counter\n";
  parseExposition(`${good}a_total{b="c\\"\\n"} 1\n`);
  for (
    const bad of [
      "a_total 1",
      `${good}a_total 1`,
      `${good}a_total{b=c} 1\n`,
      `${good}a_total{b="c"} one\n`,
      `${good}a_total 1\na_total 1\n`,
      `${good}a_total -1\n`,
      `${good}b_total 1\n`,
      `${good}${good}`,
      "# TYPE a gauge\na 1\n",
      "# HELP a Help.\n# TYPE a counter\na 1\n",
    ]
  ) assert.throws(() => parseExposition(bad), bad);
});
