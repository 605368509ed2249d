// SPDX-License-Identifier: MIT
import type { Registry } from "prom-client";
import type { CgroupStats } from "../../linux/cgroup/cgroup.ts";
import { metricsIn, metricsTurn } from "./prometheus.ts";
import type { Monitor, Monitored } from "../monitors/monitor.ts";

/** One metric of a container. */
interface Metric {
  /** After `berth_container_`. It ends in `_total` where the kernel counts. */
  readonly name: string;
  readonly help: string;
  /** Undefined where the kernel does not offer it: then there is no such series. */
  readonly value: (stats: CgroupStats) => number | undefined;
}

const METRICS: readonly Metric[] = [
  {
    name: "cpu_seconds_total",
    help: "CPU time used.",
    value: ({ cpu }) => seconds(cpu?.usageUsec),
  },
  {
    name: "cpu_user_seconds_total",
    help: "CPU time used in user mode.",
    value: ({ cpu }) => seconds(cpu?.userUsec),
  },
  {
    name: "cpu_system_seconds_total",
    help: "CPU time used in the kernel.",
    value: ({ cpu }) => seconds(cpu?.systemUsec),
  },
  {
    name: "cpu_periods_total",
    help: "Elapsed enforcement periods of the CPU limit.",
    value: ({ cpu }) => cpu?.periods,
  },
  {
    name: "cpu_throttled_periods_total",
    help: "Enforcement periods in which the CPU limit was hit.",
    value: ({ cpu }) => cpu?.throttledPeriods,
  },
  {
    name: "cpu_throttled_seconds_total",
    help: "Time that the container was throttled by the CPU limit, summed over CPUs.",
    value: ({ cpu }) => seconds(cpu?.throttledUsec),
  },
  {
    name: "memory_usage_bytes",
    help: "Memory charged to the container, including page cache.",
    value: ({ memory }) => memory?.usageBytes,
  },
  {
    name: "memory_limit_bytes",
    help: "Memory limit of the container; absent if there is none.",
    value: ({ memory }) => memory?.limitBytes,
  },
  {
    name: "memory_working_set_bytes",
    help: "Memory in use minus inactive file pages.",
    value: ({ memory }) => memory?.workingSetBytes,
  },
  {
    name: "memory_anon_bytes",
    help: "Anonymous memory.",
    value: ({ memory }) => memory?.anonBytes,
  },
  {
    name: "memory_file_bytes",
    help: "Page cache, including shared memory.",
    value: ({ memory }) => memory?.fileBytes,
  },
  { name: "memory_swap_bytes", help: "Swap in use.", value: ({ memory }) => memory?.swapBytes },
  {
    name: "oom_kills_total",
    help: "Processes of the container killed by the OOM killer.",
    value: ({ memory }) => memory?.oomKills,
  },
  {
    name: "pids",
    help: "Tasks (processes and threads) in the container.",
    value: ({ pids }) => pids?.current,
  },
  {
    name: "pids_limit",
    help: "Task limit; absent if there is none.",
    value: ({ pids }) => pids?.limit,
  },
  {
    name: "io_read_bytes_total",
    help: "Bytes read from block devices.",
    value: ({ io }) => io?.readBytes,
  },
  {
    name: "io_written_bytes_total",
    help: "Bytes written to block devices.",
    value: ({ io }) => io?.writeBytes,
  },
  { name: "io_reads_total", help: "Reads from block devices.", value: ({ io }) => io?.reads },
  { name: "io_writes_total", help: "Writes to block devices.", value: ({ io }) => io?.writes },
];

interface Series {
  readonly value: Metric["value"];
  set(id: string, value: number): void;
  reset(): void;
}

/**
 * The metrics of every container that is there, from its create to its delete. They are read from
 * the cgroups when they are asked for and not before.
 */
export class ContainerMetrics implements Monitor {
  readonly #series: readonly Series[];
  /** By container id. */
  readonly #watched = new Map<string, Monitored>();

  constructor(registry: Registry) {
    this.#series = METRICS.map((metric) => register(registry, metric));
  }

  start(container: Monitored): void {
    if (container.cgroup !== undefined) this.#watched.set(container.id, container);
  }

  stop({ id, instance }: Monitored): void {
    if (this.#watched.get(id)?.instance === instance) this.#watched.delete(id);
  }

  /**
   * Reads the metrics of all containers anew; lets other work go on after each container. Must not
   * be called again before it is done.
   */
  async collect(): Promise<void> {
    for (const series of this.#series) series.reset();
    for (const id of [...this.#watched.keys()]) {
      const watched = this.#watched.get(id);
      // Deleted since this began.
      if (watched === undefined) continue;
      const stats = watched.stats();
      for (const series of this.#series) {
        const value = series.value(stats);
        if (value !== undefined) series.set(id, value);
      }
      await metricsTurn();
    }
  }
}

function register(registry: Registry, { name, help, value }: Metric): Series {
  const { counter, gauge } = metricsIn(registry);
  const full = `berth_container_${name}`;
  if (!name.endsWith("_total")) {
    const metric = gauge(full, help, "id");
    return { value, set: (id, now) => metric.set({ id }, now), reset: () => metric.reset() };
  }
  const metric = counter(full, help, "id");
  // The kernel counts: after a reset, to add is to set.
  return { value, set: (id, now) => metric.inc({ id }, now), reset: () => metric.reset() };
}

function seconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds / 1e6;
}
