// SPDX-License-Identifier: MIT
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Anonymous memory of a process that is in RAM, in bytes (RssAnon of proc_pid_status(5)). */
export function anonymousMemory(pid: number): number {
  const [, kib = "0"] =
    /^RssAnon:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kib) * 1024;
}

/** CPU time that a process has used, user and system, in seconds (proc_pid_stat(5)). */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // utime and stime, in ticks of 1/100 s on every Linux (USER_HZ).
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Collects all garbage of this process; returns the size of the heap that is left, in bytes. */
export function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return Deno.memoryUsage().heapUsed;
}
