// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { FileTree, ON_V1, TestCgroup } from "../cgroup/cgroup_testing.ts";
import { KernelLog } from "./kernel_log.ts";
import { OomLog } from "./oom_log.ts";
import { type OomKill, OomWatch } from "./oom_watch.ts";
import { Poller } from "../fd/poller.ts";

/** Needs ten times what the limit allows. */
const HOG = "dd if=/dev/zero of=/dev/null bs=80M count=1 2>/dev/null";
const LIMIT = 8 << 20;

function limited(): TestCgroup {
  const test = TestCgroup.start();
  test.set("memory", "memory.limit_in_bytes", String(LIMIT));
  return test;
}

Deno.test(
  "OomWatch: v1: an OOM kill of a child is reported while its parent lives on",
  ON_V1,
  async () => {
    await using test = limited();
    await using poller = new Poller();
    const seen: OomKill[] = [];
    using _watch = OomWatch.open(test.cgroup, { poller, onOom: (kill) => seen.push(kill) });
    await test.begin(`${HOG}; sleep 60`);
    await until("a kill", () => seen.length === 1);
    const { usage = 0, ...kill } = seen[0]!;
    assert.deepEqual(kill, { cgroup: test.cgroup.paths.memory, limit: LIMIT, kills: 1 });
    assert.ok(usage > LIMIT / 2 && usage <= LIMIT);
  },
);

Deno.test("OomWatch: v1: every kill is reported, in order", ON_V1, async () => {
  await using test = limited();
  await using poller = new Poller();
  const seen: number[] = [];
  using _watch = OomWatch.open(test.cgroup, { poller, onOom: ({ kills }) => seen.push(kills) });
  await test.begin(`${HOG}; ${HOG}; ${HOG}; sleep 60`);
  await until("three kills", () => seen.length === 3);
  assert.deepEqual(seen, [1, 2, 3]);
});

Deno.test(
  "OomWatch: v1: check after an exit finds the kill that caused it, without any notification",
  ON_V1,
  async () => {
    await using test = limited();
    const seen: number[] = [];
    using watch = OomWatch.open(test.cgroup, { onOom: ({ kills }) => seen.push(kills) });
    assert.equal(await test.run(`exec ${HOG}`), 128 + 9);
    assert.deepEqual(seen, []);
    watch?.check();
    assert.deepEqual(seen, [1]);
    watch?.check();
    assert.deepEqual(seen, [1]);
  },
);

Deno.test(
  "OomWatch: v1: a watch that comes later reports only what has not been reported",
  ON_V1,
  async () => {
    await using test = limited();
    assert.equal(await test.run(`${HOG}; ${HOG}; exit 0`), 0);
    const seen: OomKill[] = [];
    using _watch = OomWatch.open(test.cgroup, { kills: 1, onOom: (kill) => seen.push(kill) });
    assert.deepEqual(seen.map(({ kills, cgroup }) => [kills, cgroup]), [
      [2, test.cgroup.paths.memory],
    ]);
  },
);

Deno.test(
  "OomWatch: v1: the limit that was hit may be that of a cgroup below or above",
  ON_V1,
  async () => {
    await using test = TestCgroup.start();
    const memory = test.cgroup.paths.memory!;
    const [middle, below] = [`${memory}/middle`, `${memory}/middle/below`];
    Deno.mkdirSync(below, { recursive: true });
    const seen: OomKill[] = [];
    const onOom = (kill: OomKill) => seen.push(kill);
    using parent = OomWatch.open(test.cgroup, { onOom });
    using child = OomWatch.open({ version: 1, paths: { memory: below } }, { onOom });
    Deno.writeTextFileSync(`${middle}/memory.limit_in_bytes`, String(LIMIT), { create: false });
    Deno.writeTextFileSync(`${below}/cgroup.procs`, String(test.pid), { create: false });
    await test.run(`${HOG}; exit 0`);
    parent?.check();
    child?.check();
    assert.deepEqual(seen.map(({ cgroup, limit }) => [cgroup, limit]), [
      [middle, LIMIT],
      [middle, LIMIT],
    ]);
  },
);

/** `memory.oom_control` of a cgroup that has counted so many kills. */
function control(kills: number): string {
  return `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`;
}

Deno.test("OomWatch: v1: a kill is reported though a cgroup below has taken others with it", () => {
  using tree = new FileTree({
    "web/memory.oom_control": control(0),
    "web/a/memory.oom_control": control(0),
  });
  const seen: number[] = [];
  const cgroup = { version: 1, paths: { memory: `${tree.dir}/web` } } as const;
  const options = { onOom: ({ kills }: OomKill) => seen.push(kills) };
  using watch = OomWatch.open(cgroup, options);
  tree.write("web/a/memory.oom_control", control(3));
  watch?.check();
  assert.deepEqual(seen, [1, 2, 3]);

  Deno.removeSync(`${tree.dir}/web/a`, { recursive: true });
  watch?.check();
  tree.write("web/memory.oom_control", control(1));
  watch?.check();
  assert.deepEqual(seen, [1, 2, 3, 4]);

  tree.write("web/a/memory.oom_control", control(2));
  watch?.check();
  tree.write("web/a/memory.oom_control", control(1));
  watch?.check();
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7], "of cgroups that reuse a name");

  // After a restart of the daemon: two counts are left of seven.
  using later = OomWatch.open(cgroup, { ...options, kills: 7 });
  tree.write("web/memory.oom_control", control(2));
  later?.check();
  assert.deepEqual(seen.slice(7), [8]);
});

Deno.test("OomWatch: v1: the cgroup may go while it is watched", ON_V1, async () => {
  await using poller = new Poller();
  const seen: number[] = [];
  const test = limited();
  using watch = OomWatch.open(test.cgroup, { poller, onOom: ({ kills }) => seen.push(kills) });
  await test.run("exit 0");
  await test[Symbol.asyncDispose]();
  watch?.check();
  assert.deepEqual(seen, []);
});

Deno.test("OomWatch: v1: of a cgroup that is gone the kernel's log tells the kills", {
  ignore: ON_V1.ignore || !KernelLog.isThere(),
}, async () => {
  using log = OomLog.open({ onFailure: (error) => assert.fail(`${error}`) });
  const seen: OomKill[] = [];
  const test = limited();
  using watch = OomWatch.open(test.cgroup, { log, onOom: (kill) => seen.push(kill) });
  const { pid } = test;
  await test.run(`exec ${HOG}`);
  await test[Symbol.asyncDispose]();
  watch?.check();
  assert.deepEqual(seen, []);
  // The kernel logs the cgroup of no more than ten in five seconds: of others the pid alone.
  watch?.check(pid);
  watch?.check(pid);
  assert.deepEqual(seen, [{ cgroup: test.cgroup.paths.memory, kills: 1 }]);
});

const QUIET = "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n";

/** The counters of a v2 cgroup after so many kills by its own limit. */
function killed(times: number): string {
  return `low 0\nhigh 0\nmax 9\noom ${times}\noom_kill ${times}\n`;
}

function v2Tree(): FileTree {
  const files: Record<string, string> = { "root/cgroup.procs": "" };
  for (const dir of ["root/pod", "root/pod/web"]) {
    files[`${dir}/memory.current`] = "1048576\n";
    files[`${dir}/memory.peak`] = "8388608\n";
    files[`${dir}/memory.max`] = dir === "root/pod" ? "16777216\n" : "8388608\n";
    files[`${dir}/memory.events`] = files[`${dir}/memory.events.local`] = QUIET;
  }
  return new FileTree(files);
}

Deno.test("OomWatch: v2: a change of memory.events is noticed and its kills reported", async () => {
  using tree = v2Tree();
  await using poller = new Poller();
  const unified = `${tree.dir}/root/pod/web`;
  const seen: OomKill[] = [];
  using _watch = OomWatch.open({ version: 2, paths: { unified } }, {
    poller,
    onOom: (kill) => seen.push(kill),
  });
  tree.write("root/pod/web/memory.events.local", killed(2));
  tree.write("root/pod/web/memory.events", killed(2));
  await until("two kills", () => seen.length === 2);
  assert.deepEqual(seen, [
    { cgroup: unified, limit: 8388608, usage: 8388608, kills: 1 },
    { cgroup: unified, limit: 8388608, usage: 8388608, kills: 2 },
  ]);
});

Deno.test("OomWatch: v2: the limit that was hit is the one whose own counter has grown", () => {
  using tree = v2Tree();
  const seen: OomKill[] = [];
  using watch = OomWatch.open({ version: 2, paths: { unified: `${tree.dir}/root/pod/web` } }, {
    onOom: (kill) => seen.push(kill),
  });
  tree.write("root/pod/memory.events.local", killed(1));
  tree.write("root/pod/web/memory.events", QUIET.replace("oom_kill 0", "oom_kill 1"));
  watch?.check();
  tree.write("root/pod/web/memory.events", QUIET.replace("oom_kill 0", "oom_kill 2"));
  watch?.check();
  assert.deepEqual(seen, [
    { cgroup: `${tree.dir}/root/pod`, limit: 16777216, usage: 8388608, kills: 1 },
    { cgroup: "/", kills: 2 },
  ]);
});

Deno.test("OomWatch: v2: a kernel that keeps no peak tells no usage, of which a kill leaves little", () => {
  using tree = v2Tree();
  const unified = `${tree.dir}/root/pod/web`;
  Deno.removeSync(`${unified}/memory.peak`);
  const seen: OomKill[] = [];
  using watch = OomWatch.open({ version: 2, paths: { unified } }, {
    onOom: (kill) => seen.push(kill),
  });
  tree.write("root/pod/web/memory.events.local", killed(1));
  tree.write("root/pod/web/memory.events", killed(1));
  watch?.check();
  assert.deepEqual(seen, [{ cgroup: unified, limit: 8388608, kills: 1 }]);
});

Deno.test("OomWatch: without a memory controller there is nothing to watch", () => {
  using tree = new FileTree({ "cpu.stat": "usage_usec 1\n" });
  const onOom = () => assert.fail();
  const paths = { unified: tree.dir };
  assert.equal(OomWatch.open({ version: 2, paths }, { onOom }), undefined);
  assert.equal(OomWatch.open({ version: 2, paths: {} }, { onOom }), undefined);
});
