// SPDX-License-Identifier: MIT

/** The machine that the figures were taken on. */
export interface MachineInfo {
  readonly cpu: string;
  readonly cpus: number;
  /** MB of 10^6 bytes. */
  readonly memory: number;
  readonly kernel: string;
  readonly deno: string;
  /** How cgroups are mounted: v1, v2, or both. */
  readonly cgroups: "v1" | "v2" | "hybrid";
  /** Load averages of 1, 5 and 15 minutes before the run. */
  readonly load: readonly number[];
}

/** Reads what this machine is. */
export function machineInfo(): MachineInfo {
  const cpuinfo = Deno.readTextFileSync("/proc/cpuinfo");
  const mounts = Deno.readTextFileSync("/proc/mounts");
  const [v1, v2] = [/ cgroup /.test(mounts), / cgroup2 /.test(mounts)];
  return {
    cpu: /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? "unknown",
    cpus: navigator.hardwareConcurrency,
    memory: Math.round(Deno.systemMemoryInfo().total / 1e6),
    kernel: Deno.osRelease(),
    deno: Deno.version.deno,
    cgroups: v1 && v2 ? "hybrid" : v1 ? "v1" : "v2",
    load: Deno.loadavg(),
  };
}
