// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withSocketPath } from "../../src/linux/fd/unix_path.ts";
import { FailedPreconditionError } from "../../src/rpc/errors.ts";
import {
  findSample,
  parseExposition,
  sampleOf,
} from "../../src/runtime/observability/exposition_testing.ts";
import type { Family } from "../../src/runtime/observability/exposition_testing.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { untilRuns } from "../harness/processes.ts";

const MIB = 1024 * 1024;

const limited = {
  linux: {
    resources: {
      memory: { limit: 64 * MIB },
      pids: { limit: 50 },
      cpu: { period: 100_000, quota: 20_000 },
    },
  },
};

/** Writes 10 MiB to its tmpfs, which is memory, then burns what CPU time it gets. */
const BUSY = [
  "sh",
  "-c",
  "dd if=/dev/zero of=/tmp/file bs=1M count=10 2>/dev/null; while :; do :; done",
];

async function stats(daemon: TestDaemon, id: string) {
  return await daemon.client.call("container.stats", { id });
}

/** Returns the metrics that the endpoint at `address` serves, as Prometheus understands them. */
async function scrape(address: string): Promise<Map<string, Family>> {
  const get = async (url: string, client?: Deno.HttpClient) => {
    const response = await fetch(url, client === undefined ? {} : { client });
    assert.equal(response.status, 200);
    return parseExposition(await response.text());
  };
  if (!address.startsWith("unix:")) return await get(address);
  return await withSocketPath(address.slice("unix:".length), async (path) => {
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    return await get("http://localhost/metrics", client);
  });
}

Deno.test("container.stats tells what a container uses and may use", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("busy", BUSY, limited);
  await daemon.client.call("container.create", { id: "created", spec: daemon.spec(["true"]) });
  // The time follows the count: the kernel adds it when the throttling ends.
  // The file is there before the process that has written it is gone.
  // Linux 5.10 leaves up to 32 pages of each processor out of the count.
  const first = await until("the limit to be hit and the file to be there", async () => {
    const now = await stats(daemon, "busy");
    if (now.pids?.current !== 1) return false;
    const throttled = (now.cpu?.throttledPeriods ?? 0) > 0 && (now.cpu?.throttledUsec ?? 0) > 0;
    return throttled && (now.memory?.fileBytes ?? 0) >= 9 * MIB && now;
  });
  assert.ok(Math.abs(Date.parse(first.timestamp) - Date.now()) < 60_000);
  const { memory, pids, cpu } = first;
  assert.equal(memory?.limitBytes, 64 * MIB);
  assert.ok(memory !== undefined && memory.usageBytes >= 10 * MIB);
  assert.ok(memory.usageBytes <= 64 * MIB && memory.workingSetBytes <= memory.usageBytes);
  assert.equal(memory.oomKills, 0);
  assert.deepEqual(pids, { current: 1, limit: 50 });
  const later = await until("more CPU time", async () => {
    const now = await stats(daemon, "busy");
    return (now.cpu?.usageUsec ?? 0) > (cpu?.usageUsec ?? 0) && now;
  });
  assert.ok((later.cpu?.periods ?? 0) >= (later.cpu?.throttledPeriods ?? 0));

  const created = await stats(daemon, "created");
  assert.equal(created.memory?.limitBytes, undefined, "no limit, no figure");
  assert.equal(created.pids?.limit, undefined);

  await daemon.client.call("container.kill", { id: "busy", signal: "KILL" });
  await daemon.exitOf("busy");
  await assert.rejects(stats(daemon, "busy"), FailedPreconditionError);
});

Deno.test("stats go on after a restart of the daemon", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("busy", BUSY, limited);
  const before = await stats(daemon, "busy");
  await daemon.restart();
  const after = await stats(daemon, "busy");
  assert.ok((after.cpu?.usageUsec ?? 0) >= (before.cpu?.usageUsec ?? 0));
  assert.equal(after.memory?.limitBytes, 64 * MIB);
});

Deno.test("berth stats prints what container.stats says", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("busy", BUSY, limited);
  await daemon.run("idle", ["sleep", "1000"]);
  // The runtime's own process, with its threads, has yet to become the container's.
  await until("a single thread", async () => (await stats(daemon, "idle")).pids?.current === 1);
  const { code, stdout, stderr } = await cli(daemon, ["stats", "--no-stream", "--json"]);
  assert.equal(code, 0, stderr);
  const rows: Record<string, unknown>[] = stdout.trim().split("\n").map((row) => JSON.parse(row));
  const byId = new Map(rows.map((row) => [row["id"], row]));
  assert.deepEqual([...byId.keys()].sort(), ["busy", "idle"]);
  assert.ok(Number(byId.get("busy")?.["cpuPercent"]) > 1);
  assert.equal(byId.get("idle")?.["pids"], 1);
  const one = await cli(daemon, ["stats", "--no-stream", "idle"]);
  assert.match(one.stdout, /^ID +CPU %.*\nidle +\d/);
});

Deno.test("container.pids tells which process is which exec", async () => {
  await using daemon = await TestDaemon.start();
  const pid = await daemon.run("one", ["sh", "-c", "sleep 1000 & wait"]);
  const exec = await daemon.client.call("container.exec", {
    id: "one",
    execId: "two",
    process: { args: ["sleep", "1000"] },
  });
  await untilRuns(exec.pid, "sleep 1000");
  const list = async () => (await daemon.client.call("container.pids", { id: "one" })).processes;
  const processes = await until("the child", async () => {
    const all = await list();
    return all.length === 3 && all;
  });
  assert.deepEqual(processes.find((process) => process.pid === pid), { pid });
  assert.deepEqual(processes.filter(({ execId }) => execId !== undefined), [
    { pid: exec.pid, execId: "two" },
  ]);
  await daemon.restart();
  await until("its exec to be known", async () => {
    return (await list()).some(({ execId }) => execId !== undefined);
  });
  const sorted = (all: typeof processes) => all.toSorted((a, b) => a.pid - b.pid);
  assert.deepEqual(sorted(await list()), sorted(processes));
  const { stdout } = await cli(daemon, ["ps", "one"]);
  assert.match(stdout, new RegExp(`\\n *${exec.pid} +two +sleep 1000\\n`));
});

Deno.test("stats: metrics over a Unix socket: what happens is counted, across restarts", async () => {
  await using daemon = TestDaemon.prepare();
  const dir = `${daemon.dir}/${"long".repeat(25)}`;
  Deno.mkdirSync(dir);
  const address = `unix:${dir}/metrics.sock`;
  Deno.writeTextFileSync(daemon.configFile, `\n[metrics]\naddress = "${address}"\n`, {
    append: true,
  });
  await daemon.start();
  assert.equal((Deno.statSync(`${dir}/metrics.sock`).mode ?? 0) & 0o777, 0o600);
  using peer = await daemon.connect();
  await peer.call("events.subscribe", {});
  await daemon.run("busy", BUSY, limited);
  await daemon.run("dead", ["true"]);
  await daemon.exitOf("dead");
  await assert.rejects(daemon.client.call("container.start", { id: "none" }));

  const first = await scrape(address);
  const busy = { id: "busy" };
  assert.equal(sampleOf(first, "berth_container_memory_limit_bytes", busy), 64 * MIB);
  assert.equal(sampleOf(first, "berth_container_pids_limit", busy), 50);
  assert.equal(sampleOf(first, "berth_container_pids", { id: "dead" }), 0);
  assert.equal(findSample(first, "berth_container_pids_limit", { id: "dead" }), undefined);
  assert.equal(sampleOf(first, "berth_containers", { status: "running" }), 1);
  assert.equal(sampleOf(first, "berth_containers", { status: "stopped" }), 1);
  assert.equal(sampleOf(first, "berth_shims", { state: "serving" }), 2);
  assert.equal(sampleOf(first, "berth_event_subscribers"), 1);
  assert.equal(sampleOf(first, "berth_events_published_total", { type: "start" }), 2);
  const starts = { method: "container.start", result: "ok" };
  assert.equal(sampleOf(first, "berth_rpc_calls_total", starts), 2);
  assert.equal(sampleOf(first, "berth_rpc_calls_total", { ...starts, result: "error" }), 1);
  const creates = { subcommand: "create", result: "ok" };
  assert.equal(sampleOf(first, "berth_runtime_calls_total", creates), 2);
  assert.ok(sampleOf(first, "berth_runtime_duration_seconds_sum", { subcommand: "create" }) > 0);
  const cpu = sampleOf(first, "berth_container_cpu_seconds_total", busy);
  await until("more CPU time", async () => {
    return sampleOf(await scrape(address), "berth_container_cpu_seconds_total", busy) > cpu;
  });
  await daemon.client.call("container.delete", { id: "dead" });
  assert.equal(
    findSample(await scrape(address), "berth_container_pids", { id: "dead" }),
    undefined,
  );

  await daemon.restart();
  const second = await until("the shim to be found again", async () => {
    const now = await scrape(address);
    return sampleOf(now, "berth_reconnects_total") > 0 && now;
  });
  assert.equal(sampleOf(second, "berth_reconnects_total"), 1);
  assert.equal(sampleOf(second, "berth_container_memory_limit_bytes", busy), 64 * MIB);
  await daemon.killShim("busy");
  await until("the cleanup", async () => {
    const families = await scrape(address);
    return sampleOf(families, "berth_cleanups_total") === 1 &&
      findSample(families, "berth_container_pids", busy) === undefined;
  });
  await daemon.stop();
  assert.deepEqual([...Deno.readDirSync(dir)], []);
});

Deno.test("stats: metrics over TCP, only there, and not at all unless asked for", async () => {
  await using daemon = await TestDaemon.start({ config: '[metrics]\naddress = "127.0.0.1:0"' });
  const where = await until(
    "the address in the log",
    () => /metrics at (http:\S+)/.exec(daemon.log)?.[1],
  );
  const families = await scrape(where);
  assert.equal(sampleOf(families, "berth_containers", { status: "running" }), 0);
  const other = await fetch(new URL("/", where));
  assert.equal(other.status, 404);
  await other.body?.cancel();

  const taken = JSON.stringify(new URL(where).host);
  await assert.rejects(
    TestDaemon.start({ config: `[metrics]\naddress = ${taken}` }),
    /cannot start the daemon: cannot serve metrics on 127\.0\.0\.1:\d+: /,
  );
  await using quiet = await TestDaemon.start();
  assert.doesNotMatch(quiet.log, /metrics/);
  // The connection that fetch keeps for another request does not hold it up.
  assert.equal((await daemon.stop()).code, 0);
});
