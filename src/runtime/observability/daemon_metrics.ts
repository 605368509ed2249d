// SPDX-License-Identifier: MIT
import type { Registry } from "prom-client";
import { containerStatus, eventType } from "../../rpc/contract/schemas.ts";
import type { ContainerStatus, Event, ShimStatus } from "../../rpc/contract/schemas.ts";
import { VERSION } from "../../version.ts";
import type { DaemonHooks } from "./hooks.ts";
import { metricsIn, metricsTurn } from "./prometheus.ts";
import type { CallReport } from "../../oci/driver/runtime_call.ts";

/** The containers, shims and subscribers that are counted; a `DaemonServer` is one. */
export interface MetricsSource {
  readonly manager: {
    readonly containers: Iterable<{
      readonly status: ContainerStatus;
      readonly shimStatus: ShimStatus;
      readonly life: { readonly shimPid: number };
    }>;
    readonly shims: { readonly idle: number };
  };
  readonly subscribers: { readonly size: number; readonly lag: number };
}

/** Ends when a process does: how long that takes is no latency. */
const WAITS: ReadonlySet<string> = new Set(["container.wait"]);

/** Makes the metrics of the daemon itself. */
function daemonMetrics(registry: Registry) {
  const { counter, gauge, histogram } = metricsIn(registry);
  return {
    build: gauge("berth_build_info", "Always 1; the label is berth's version.", "version"),
    containers: gauge("berth_containers", "Containers by status.", "status"),
    shims: gauge(
      "berth_shims",
      "Shim processes: serving containers, idle (started ahead), or unavailable (no answer).",
      "state",
    ),
    rpcCalls: counter(
      "berth_rpc_calls_total",
      "Calls answered on the daemon's socket, by result: ok or error.",
      "method",
      "result",
    ),
    rpcSeconds: histogram(
      "berth_rpc_duration_seconds",
      "Duration of calls on the daemon's socket, excluding container.wait.",
      "method",
    ),
    runtimeCalls: counter(
      "berth_runtime_calls_total",
      "Completed calls of the OCI runtime, by result: ok or error.",
      "subcommand",
      "result",
    ),
    runtimeSeconds: histogram(
      "berth_runtime_duration_seconds",
      "Duration of calls of the OCI runtime.",
      "subcommand",
    ),
    events: counter(
      "berth_events_published_total",
      "Events published since the daemon's start.",
      "type",
    ),
    subscribers: gauge("berth_event_subscribers", "Subscriptions to events."),
    lag: gauge("berth_event_subscribers_max_lag", "Events not yet sent to the slowest subscriber."),
    reconnects: counter(
      "berth_reconnects_total",
      "Containers reconnected after a restart of the daemon or a lost connection.",
    ),
    cleanups: counter(
      "berth_cleanups_total",
      "Containers removed because their shim died or did not answer.",
    ),
  };
}

/** The metrics of the daemon itself: counted as things happen, or looked at when they are asked for. */
export class DaemonMetrics implements DaemonHooks {
  readonly #metrics: ReturnType<typeof daemonMetrics>;

  constructor(registry: Registry) {
    this.#metrics = daemonMetrics(registry);
    this.#metrics.build.set({ version: VERSION }, 1);
    // There from the start, so that the first event of a type shows as a rise.
    for (const type of eventType.options) this.#metrics.events.inc({ type }, 0);
  }

  event({ type }: Event): void {
    this.#metrics.events.inc({ type });
  }

  reconnect(): void {
    this.#metrics.reconnects.inc();
  }

  cleanup(): void {
    this.#metrics.cleanups.inc();
  }

  runtimeCall({ subcommand, durationMs, exitCode }: CallReport): void {
    this.#metrics.runtimeCalls.inc({ subcommand, result: exitCode === 0 ? "ok" : "error" });
    this.#metrics.runtimeSeconds.observe({ subcommand }, durationMs / 1000);
  }

  rpc(method: string, durationMs: number, failed: boolean): void {
    this.#metrics.rpcCalls.inc({ method, result: failed ? "error" : "ok" });
    if (!WAITS.has(method)) this.#metrics.rpcSeconds.observe({ method }, durationMs / 1000);
  }

  /** Updates the metrics that are not counted; lets other work go on after each container. */
  async collect({ manager, subscribers }: MetricsSource): Promise<void> {
    this.#metrics.subscribers.set(subscribers.size);
    this.#metrics.lag.set(subscribers.lag);
    const byStatus = new Map(containerStatus.options.map((status) => [status, 0]));
    const serving = new Set<number>();
    const unavailable = new Set<number>();
    for (const { status, shimStatus, life } of [...manager.containers]) {
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (shimStatus === "connected") serving.add(life.shimPid);
      if (shimStatus === "unavailable") unavailable.add(life.shimPid);
      await metricsTurn();
    }
    for (const [status, count] of byStatus) this.#metrics.containers.set({ status }, count);
    this.#metrics.shims.set({ state: "serving" }, serving.size);
    this.#metrics.shims.set({ state: "unavailable" }, unavailable.size);
    this.#metrics.shims.set({ state: "idle" }, manager.shims.idle);
  }
}
