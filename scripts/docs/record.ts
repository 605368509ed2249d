// SPDX-License-Identifier: MIT
import { TestDaemon } from "../../tests/harness/daemon.ts";
import { makeFifo } from "../../tests/harness/io/fifo.ts";
import { until } from "../../tests/harness/poll.ts";
import { rootfsDir } from "../../tests/harness/rootfs.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import type { Examples } from "./examples.ts";
import { Normalizer } from "./normalize.ts";
import { Recorder } from "./recorder.ts";
import { recordShim } from "./record_shim.ts";

/** Runs every example against a daemon of its own, with real containers; returns what it has seen. */
export async function recordExamples(): Promise<Examples> {
  await using daemon = await TestDaemon.start();
  const fifo = makeFifo(daemon.dir);
  const normalizer = new Normalizer({
    [fifo]: "/run/user/0/web.stdin",
    [daemon.state]: "/run/berth",
    [daemon.root]: "/var/lib/berth",
    [rootfsDir()]: "/srv/rootfs",
    [daemon.dir]: "/srv",
    [daemon.cgroup]: "berth",
  });
  const recorder = new Recorder(daemon.peer, normalizer);
  const events = recorder.collect("events.event");
  const ticks = recorder.collect("stats.tick");
  await recordDaemon(recorder, daemon, fifo, ticks);
  const shim = await recordShim(daemon, normalizer, fifo);
  return {
    daemon: recorder.examples,
    event: await until("an exit event", () => events.find((event) => typeOf(event) === "exit")),
    tick: await until("a reading with CPU usage", () => ticks.find(hasCpuPercent)),
    shim: shim.examples,
    shimEvent: shim.event,
    runtimeCall: shim.runtimeCall,
  };
}

async function recordDaemon(
  recorder: Recorder,
  daemon: TestDaemon,
  fifo: string,
  ticks: readonly unknown[],
): Promise<void> {
  const spec = {
    ociVersion: "1.0.2",
    process: { args: ["sleep", "600"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
    root: { path: rootfsDir(), readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
      cgroupsPath: `/${daemon.cgroup}/web`,
    },
  };
  const id = "web";
  await recorder.call("daemon.info", {});
  await recorder.call("spec.default", {
    args: ["httpd", "-f"],
    rootfs: rootfsDir(),
    env: ["PORT=80"],
    resources: { memory: { limit: 64 << 20 } },
    securityOpt: ["seccomp=unconfined"],
  });
  const subscribed = await recorder.call("events.subscribe", { after: 0, ids: [id] });
  const stdout = `file://${daemon.root}/web.log`;
  await recorder.call("container.create", {
    id,
    spec,
    stdin: fifo,
    stdout,
    labels: { app: "shop" },
  });
  await recorder.call("container.start", { id });
  await recorder.call("container.exec", {
    id,
    execId: "shell",
    process: { args: ["cat"] },
    terminal: true,
  });
  await recorder.call("container.resizePty", { id, execId: "shell", width: 80, height: 24 });
  await recorder.call("container.state", { id });
  await recorder.call("container.list", { labels: { app: "shop" }, limit: 100 });
  await recorder.call("container.pids", { id });
  await recorder.call("container.kill", { id, execId: "shell", signal: "SIGKILL" });
  await recorder.call("container.wait", { id, execId: "shell" });
  await recorder.call("container.deleteProcess", { id, execId: "shell" });
  await recorder.call("container.closeStdin", { id });
  await recorder.call("container.update", { id, resources: { memory: { limit: 64 << 20 } } });
  await recorder.call("container.stats", { id });
  await recorder.call("container.listStats", { ids: [id] });
  await recordStats(recorder, id, ticks);
  await recorder.call("container.pause", { id });
  await recorder.call("container.resume", { id });
  await recorder.call("container.checkpoint", { id, path: `${daemon.root}/checkpoints/web` });
  await recorder.call("network.list", {});
  await recorder.call("container.stop", { id, timeout: 0 });
  await recorder.call("container.rename", { id, newId: "web-old" });
  await recorder.call("container.restart", { id: "web-old", timeout: 0 });
  await recorder.call("container.delete", { id: "web-old", force: true });
  const subscription = isRecord(subscribed) ? subscribed.subscription : undefined;
  await recorder.call("events.unsubscribe", { subscription });
  await recorder.call("events.read", { after: 0, ids: [id], limit: 2 });
}

async function recordStats(
  recorder: Recorder,
  id: string,
  ticks: readonly unknown[],
): Promise<void> {
  const answer = await recorder.call("stats.subscribe", { ids: [id], interval: 0.1 });
  await until("a second reading", () => ticks.some(hasCpuPercent));
  const subscription = isRecord(answer) ? answer.subscription : undefined;
  await recorder.call("stats.unsubscribe", { subscription });
}

function hasCpuPercent(tick: unknown): boolean {
  const containers = isRecord(tick) ? tick.containers : undefined;
  return Array.isArray(containers) &&
    containers.some((one) => isRecord(one) && one.cpuPercent !== undefined);
}

function typeOf(notification: unknown): unknown {
  const event = isRecord(notification) ? notification.event : undefined;
  return isRecord(event) ? event.type : undefined;
}
