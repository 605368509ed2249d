// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { OomLog } from "./oom_log.ts";
import { killTexts as kill } from "./oom_log_testing.ts";

function openLog(): { log: OomLog; texts: string[] } {
  const texts: string[] = [];
  const read = () => texts.splice(0);
  const hierarchies = [{ names: ["unified"], mountPoint: "/sys/fs/cgroup", root: "/docker/0123" }];
  const options = { hierarchies, onFailure: () => assert.fail() };
  return { texts, log: new OomLog({ read, [Symbol.dispose]: () => {} }, options) };
}

Deno.test("OomLog: counts the kills in a cgroup and below it, since a mark", () => {
  const { log, texts } = openLog();
  using _log = log;
  const path = "/system.slice/berth-web.scope";
  texts.push(...kill(4, "/system.slice/berth-web.scope"));
  const mark = log.mark();
  assert.equal(log.killsSince(mark, path, 4).length, 0, "before the mark");
  texts.push("eth0: renamed", ...kill(5, "/system.slice/berth-web.scope"));
  texts.push(...kill(6, "/system.slice/berth-web.scope/below"));
  texts.push(...kill(7, "/system.slice/berth-web2.scope"), ...kill(8, "/"));
  assert.equal(log.killsSince(mark, path, 5).length, 2);
  assert.equal(log.killsSince(mark, path, 5).length, 2, "asked again");
});

Deno.test("OomLog: a cgroup of the same name, as crun makes one in each scope, is another", () => {
  const { log, texts } = openLog();
  using _log = log;
  texts.push(...kill(5, "/system.slice/berth-web.scope/container"));
  assert.equal(log.killsSince(0, "/system.slice/berth-web.scope/container", 5).length, 1);
  assert.equal(log.killsSince(0, "/system.slice/berth-db.scope/container", 6).length, 0);
});

Deno.test("OomLog: the log's paths are from the root, also where this process sees a part only", () => {
  const { log, texts } = openLog();
  using _log = log;
  texts.push(...kill(5, "/docker/0123/berth/web"));
  assert.equal(log.killsSince(0, "/berth/web", 5).length, 1);
});

Deno.test("OomLog: a kill in the name of a cgroup that the kernel quotes is none", () => {
  const { log, texts } = openLog();
  using _log = log;
  texts.push("Memory cgroup stats for /a.scope/x: Killed process 5 (dd):");
  assert.equal(log.killsSince(0, "/b.scope", 5).length, 0);
});

Deno.test("OomLog: tells whose limit was hit", () => {
  const { log, texts } = openLog();
  using _log = log;
  const cgroup = "/docker/0123/lim.slice/web.scope";
  texts.push(...kill(5, cgroup), ...kill(6, cgroup, "oom_memcg=/docker/0123/lim.slice"));
  texts.push(...kill(7, cgroup, "oom_memcg=/docker"), ...kill(8, cgroup, "global_oom"));
  texts.push(...kill(9, `${cgroup}/below`), ...kill(5));
  assert.deepEqual(log.killsSince(0, "/lim.slice/web.scope", 5), [
    ...["/lim.slice/web.scope", "/lim.slice", "/", "/"],
    ...["/lim.slice/web.scope/below", "/lim.slice/web.scope"],
  ]);
});

Deno.test("OomLog.follow: tells of kills from now on, by directories of the hierarchy", () => {
  const { log, texts } = openLog();
  using _log = log;
  const cgroup = "/docker/0123/lim.slice/web.scope";
  texts.push(...kill(4, cgroup));
  const killed = log.follow("/sys/fs/cgroup/lim.slice/web.scope");
  texts.push(...kill(5, cgroup), ...kill(6, cgroup, "oom_memcg=/docker/0123/lim.slice"));
  texts.push(...kill(7, cgroup, "global_oom"), ...kill(8, "/lim.slice/db.scope"));
  assert.deepEqual(killed(7), [
    ...["/sys/fs/cgroup/lim.slice/web.scope", "/sys/fs/cgroup/lim.slice"],
    "/",
  ]);
  assert.deepEqual(log.follow("/elsewhere/web.scope")(7), []);
});

Deno.test("OomLog: where the log has no cgroup the pid tells", () => {
  const { log, texts } = openLog();
  using _log = log;
  texts.push(...kill(5), ...kill(6));
  assert.equal(log.killsSince(0, "/a.scope", 5).length, 1);
  assert.equal(log.killsSince(0, "/a.scope", 9).length, 0);
});

Deno.test("OomLog: a mark holds when old kills are forgotten", () => {
  const { log, texts } = openLog();
  using _log = log;
  for (let pid = 1; pid <= 2000; pid++) texts.push(...kill(pid, "/other.scope"));
  const mark = log.mark();
  assert.equal(mark, 2000);
  texts.push(...kill(1, "/a.scope"), ...kill(2, "/other.scope"));
  assert.equal(log.killsSince(mark, "/a.scope", 1).length, 1);
});

Deno.test("OomLog: a log that fails tells of no kill", () => {
  const fails = () => {
    throw new Error("input/output error");
  };
  const failures: unknown[] = [];
  using log = new OomLog({ read: fails, [Symbol.dispose]: () => {} }, {
    onFailure: (error) => failures.push(error),
  });
  assert.equal(log.mark(), 0);
  assert.equal(log.killsSince(0, "/a.scope", 5).length, 0);
  assert.equal(failures.length, 2);
});
