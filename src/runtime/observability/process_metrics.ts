// SPDX-License-Identifier: MIT
import type { Registry } from "prom-client";
import { processStat, USER_HZ } from "../../linux/process/stat.ts";
import { metricsIn } from "./prometheus.ts";

/** Makes the metrics of the daemon's process, under the names that all client libraries share. */
function processMetrics(registry: Registry) {
  const { counter, gauge } = metricsIn(registry);
  return {
    cpu: counter("process_cpu_seconds_total", "CPU time used by the daemon."),
    memory: gauge("process_resident_memory_bytes", "Resident memory of the daemon."),
    files: gauge("process_open_fds", "Open file descriptors of the daemon."),
    start: gauge(
      "process_start_time_seconds",
      "Start time of the daemon, in seconds since the epoch.",
    ),
  };
}

/** The metrics of the daemon's own process. */
export class ProcessMetrics {
  readonly #metrics: ReturnType<typeof processMetrics>;

  constructor(registry: Registry) {
    this.#metrics = processMetrics(registry);
    this.#metrics.start.set(performance.timeOrigin / 1000);
  }

  /** Reads them anew. */
  collect(): void {
    this.#metrics.cpu.reset();
    this.#metrics.cpu.inc(cpuSeconds());
    this.#metrics.memory.set(Deno.memoryUsage().rss);
    // Without the one that lists them.
    this.#metrics.files.set([...Deno.readDirSync("/proc/self/fd")].length - 1);
  }
}

function cpuSeconds(): number {
  const { userTicks = 0, systemTicks = 0 } = processStat("self") ?? {};
  return (userTicks + systemTicks) / USER_HZ;
}
