// SPDX-License-Identifier: MIT

/**
 * Time on a CPU of all threads that a process has, in ms (the first field of
 * /proc/<pid>/task/<tid>/schedstat is in ns: Documentation/scheduler/sched-stats.rst). Finer than
 * utime and stime, which count in ticks of 10 ms.
 */
export function cpuMs(pid: number | "self"): number {
  let total = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[0]);
    } catch {
      // The thread has ended since.
    }
  }
  return total / 1e6;
}

/** The sum of {@linkcode cpuMs} over some processes. */
export function cpuMsOfAll(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Memory of a process that no other shares, in MB of 10^6 bytes. */
export interface Memory {
  /** Private_Clean + Private_Dirty: freed when this process ends. */
  readonly private: number;
  /** Not backed by a file: heap and stacks. */
  readonly anonymous: number;
}

/** Reads /proc/<pid>/smaps_rollup (Documentation/filesystems/proc.rst). */
export function memoryOf(pid: number): Memory {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
    if (found === null) throw new Error(`/proc/${pid}/smaps_rollup has no ${name}`);
    return Number(found[1]) * 1024 / 1e6;
  };
  return {
    private: field("Private_Clean") + field("Private_Dirty"),
    anonymous: field("Anonymous"),
  };
}
