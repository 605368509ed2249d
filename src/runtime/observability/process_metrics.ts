// SPDX-License-Identifier: MIT
import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import { processStat, USER_HZ } from "../../linux/process/stat.ts";

/** What the daemon's own process uses, under the names that Prometheus client libraries share. */
export class ProcessMetrics {
  readonly #cpu: Counter;
  readonly #memory: Gauge;
  readonly #files: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#cpu = new Counter({
      name: "process_cpu_seconds_total",
      help: "CPU time used by the daemon.",
      registers,
    });
    this.#memory = new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory of the daemon.",
      registers,
    });
    this.#files = new Gauge({
      name: "process_open_fds",
      help: "Open file descriptors of the daemon.",
      registers,
    });
    const start = new Gauge({
      name: "process_start_time_seconds",
      help: "Start time of the daemon, in seconds since the epoch.",
      registers,
    });
    start.set(performance.timeOrigin / 1000);
  }

  /** Reads them anew. */
  collect(): void {
    this.#cpu.reset();
    this.#cpu.inc(cpuSeconds());
    this.#memory.set(Deno.memoryUsage().rss);
    // Without the one that lists them.
    this.#files.set([...Deno.readDirSync("/proc/self/fd")].length - 1);
  }
}

function cpuSeconds(): number {
  const { userTicks = 0, systemTicks = 0 } = processStat("self") ?? {};
  return (userTicks + systemTicks) / USER_HZ;
}
