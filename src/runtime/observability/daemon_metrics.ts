// SPDX-License-Identifier: MIT
import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { metricsTurn } from "./metrics_turn.ts";
import { containerStatus, eventType } from "../../rpc/contract/schemas.ts";
import type { ContainerStatus, Event, ShimStatus } from "../../rpc/contract/schemas.ts";
import { VERSION } from "../../version.ts";
import type { DaemonHooks } from "./hooks.ts";
import type { CallReport } from "../../oci/driver/runtime_call.ts";

/** The containers, shims and subscribers that are counted; a `Daemon` is one. */
export interface MetricsSource {
  readonly manager: {
    containers(): readonly {
      readonly status: ContainerStatus;
      readonly shimStatus: ShimStatus;
      readonly life: { readonly shimPid: number };
    }[];
    readonly idleShims: number;
  };
  readonly subscribers: { readonly size: number; readonly lag: number };
}

/** Upper bounds in seconds: from a look into memory to a runtime that hangs. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Ends when a process does: how long that takes is no latency. */
const WAITS: ReadonlySet<string> = new Set(["container.wait"]);

/** What the daemon itself does: counted as it happens, or looked at when it is asked for. */
export class DaemonMetrics implements DaemonHooks {
  readonly #containers: Gauge<"status">;
  readonly #shims: Gauge<"state">;
  readonly #rpcCalls: Counter<"method" | "result">;
  readonly #rpcSeconds: Histogram<"method">;
  readonly #runtimeCalls: Counter<"subcommand" | "result">;
  readonly #runtimeSeconds: Histogram<"subcommand">;
  readonly #events: Counter<"type">;
  readonly #subscribers: Gauge;
  readonly #lag: Gauge;
  readonly #reconnects: Counter;
  readonly #cleanups: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    new Gauge({
      name: "berth_build_info",
      help: "Always 1; the label is berth's version.",
      labelNames: ["version"],
      registers,
    }).set({ version: VERSION }, 1);
    this.#containers = new Gauge({
      name: "berth_containers",
      help: "Containers by status.",
      labelNames: ["status"],
      registers,
    });
    this.#shims = new Gauge({
      name: "berth_shims",
      help: "Shim processes: serving containers, idle (started ahead), or unavailable (no answer).",
      labelNames: ["state"],
      registers,
    });
    this.#rpcCalls = new Counter({
      name: "berth_rpc_calls_total",
      help: "Calls answered on the daemon's socket, by result: ok or error.",
      labelNames: ["method", "result"],
      registers,
    });
    this.#rpcSeconds = new Histogram({
      name: "berth_rpc_duration_seconds",
      help: "Duration of calls on the daemon's socket, excluding container.wait.",
      labelNames: ["method"],
      buckets: BUCKETS,
      registers,
    });
    this.#runtimeCalls = new Counter({
      name: "berth_runtime_calls_total",
      help: "Completed calls of the OCI runtime, by result: ok or error.",
      labelNames: ["subcommand", "result"],
      registers,
    });
    this.#runtimeSeconds = new Histogram({
      name: "berth_runtime_duration_seconds",
      help: "Duration of calls of the OCI runtime.",
      labelNames: ["subcommand"],
      buckets: BUCKETS,
      registers,
    });
    this.#events = new Counter({
      name: "berth_events_published_total",
      help: "Events published since the daemon's start.",
      labelNames: ["type"],
      registers,
    });
    this.#subscribers = new Gauge({
      name: "berth_event_subscribers",
      help: "Subscriptions to events.",
      registers,
    });
    this.#lag = new Gauge({
      name: "berth_event_subscribers_max_lag",
      help: "Events not yet sent to the slowest subscriber.",
      registers,
    });
    this.#reconnects = new Counter({
      name: "berth_reconnects_total",
      help: "Containers reconnected after a restart of the daemon or a lost connection.",
      registers,
    });
    this.#cleanups = new Counter({
      name: "berth_cleanups_total",
      help: "Containers removed because their shim died or did not answer.",
      registers,
    });
    // There from the start, so that the first event of a type shows as a rise.
    for (const type of eventType.options) this.#events.inc({ type }, 0);
  }

  event({ type }: Event): void {
    this.#events.inc({ type });
  }

  reconnect(): void {
    this.#reconnects.inc();
  }

  cleanup(): void {
    this.#cleanups.inc();
  }

  runtimeCall({ subcommand, durationMs, exitCode }: CallReport): void {
    this.#runtimeCalls.inc({ subcommand, result: exitCode === 0 ? "ok" : "error" });
    this.#runtimeSeconds.observe({ subcommand }, durationMs / 1000);
  }

  rpc(method: string, durationMs: number, failed: boolean): void {
    this.#rpcCalls.inc({ method, result: failed ? "error" : "ok" });
    if (!WAITS.has(method)) this.#rpcSeconds.observe({ method }, durationMs / 1000);
  }

  /** Updates the figures that are not counted; lets other work go on after each container. */
  async collect({ manager, subscribers }: MetricsSource): Promise<void> {
    this.#subscribers.set(subscribers.size);
    this.#lag.set(subscribers.lag);
    const byStatus = new Map(containerStatus.options.map((status) => [status, 0]));
    const serving = new Set<number>();
    const unavailable = new Set<number>();
    for (const { status, shimStatus, life } of manager.containers()) {
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (shimStatus === "connected") serving.add(life.shimPid);
      if (shimStatus === "unavailable") unavailable.add(life.shimPid);
      await metricsTurn();
    }
    for (const [status, count] of byStatus) this.#containers.set({ status }, count);
    this.#shims.set({ state: "serving" }, serving.size);
    this.#shims.set({ state: "unavailable" }, unavailable.size);
    this.#shims.set({ state: "idle" }, manager.idleShims);
  }
}
