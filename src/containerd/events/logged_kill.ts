// SPDX-License-Identifier: MIT
// Looks for an OOM kill in the kernel's log.
import { cgroupHierarchies, pathBelow } from "../../linux/cgroup/find.ts";
import { KernelLog } from "../../linux/oom/kernel_log.ts";

/**
 * Returns whether the kernel's log has an OOM kill of process `pid` in the cgroup of v2 at `dir` or below
 * it. For a cgroup that is gone before its counters are read: systemd removes that of a scope as soon as
 * its last process has ended. False where there is no log to read, as in a container.
 *
 * @throws LinuxError such as EPERM for lack of CAP_SYSLOG
 */
export function isKillLogged(dir: string, pid: number): boolean {
  const path = pathBelow(dir, cgroupHierarchies());
  if (path === undefined || !KernelLog.isThere()) return false;
  using log = new KernelLog({ fromOldest: true });
  return hasKill(log.read(), path, pid);
}

/**
 * Returns whether texts of the kernel tell of an OOM kill of `pid`, and of one in the cgroup at `path` just
 * before: the pid alone may have been another process's. The kernel logs the cgroup of the victim
 * (`dump_oom_summary`), then its pid, and those of its whole cgroup where memory.oom.group asks for that
 * (`__oom_kill_process`; both in mm/oom_kill.c). The log's paths are from the root, also where this process
 * sees a part only.
 */
export function hasKill(texts: readonly string[], path: string, pid: number): boolean {
  let isHere = false;
  for (const text of texts) {
    const cgroup = /^oom-kill:.*,task_memcg=(.*),task=.*,pid=\d+,/s.exec(text)?.[1];
    if (cgroup !== undefined) isHere = `${cgroup}/`.includes(`${path}/`);
    // Not behind a slash, as in a cgroup's name that another line quotes.
    const killed = /^[^/]*: Killed process (\d+) \(/s.exec(text)?.[1];
    if (isHere && Number(killed) === pid) return true;
  }
  return false;
}
