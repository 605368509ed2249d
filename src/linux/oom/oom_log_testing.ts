// SPDX-License-Identifier: MIT

/** The kernel's words for a kill, as Linux 6.12 writes them. */
export function killTexts(pid: number, cgroup?: string, cause = `oom_memcg=${cgroup}`): string[] {
  const summary = `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,` +
    `${cause},task_memcg=${cgroup},task=dd,pid=${pid},uid=0`;
  const killed = `Memory cgroup out of memory: Killed process ${pid} (dd) total-vm:103692kB, ` +
    `anon-rss:23808kB, file-rss:1408kB, shmem-rss:0kB, UID:0 pgtables:96kB oom_score_adj:0`;
  return cgroup === undefined ? [killed] : [summary, killed];
}
