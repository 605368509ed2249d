// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hasKill, isKillLogged } from "./logged_kill.ts";

const PATH = "/system.slice/cri-containerd-0123.scope";

/** The kernel's words for the choice of a victim and for a kill, as Linux 6.12 writes them. */
const victim = (cgroup: string, pid: number) =>
  `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${cgroup},` +
  `task_memcg=${cgroup},task=dd,pid=${pid},uid=0`;
const killed = (pid: number) =>
  `Memory cgroup out of memory: Killed process ${pid} (dd) total-vm:103692kB, anon-rss:23808kB`;

Deno.test("hasKill: the kill of a process in the cgroup, below it, or with its whole cgroup", () => {
  assert.ok(hasKill(["eth0: renamed", victim(PATH, 5), killed(5)], PATH, 5));
  assert.ok(hasKill([victim(`/docker/4567${PATH}/below`, 5), killed(5)], PATH, 5));
  const group = `Tasks in ${PATH} are going to be killed due to memory.oom.group set`;
  assert.ok(hasKill([victim(PATH, 5), killed(5), group, killed(5), killed(4)], PATH, 4));
});

Deno.test("hasKill: none of another process, in another cgroup, or in a name that the kernel quotes", () => {
  assert.ok(!hasKill([victim(PATH, 5), killed(5)], PATH, 4));
  assert.ok(!hasKill([victim(PATH, 5)], PATH, 5));
  assert.ok(!hasKill([killed(5)], PATH, 5));
  assert.ok(!hasKill([victim(`${PATH}2`, 5), killed(5)], PATH, 5));
  assert.ok(!hasKill([victim(PATH, 4), killed(4), victim("/other", 5), killed(5)], PATH, 5));
  assert.ok(
    !hasKill([victim(PATH, 4), "Memory cgroup stats for /x: Killed process 5 (dd)"], PATH, 5),
  );
});

Deno.test("isKillLogged: no process is killed in a cgroup that has never been there", () => {
  assert.equal(isKillLogged("/sys/fs/cgroup/berth-never-there", Deno.pid), false);
});
