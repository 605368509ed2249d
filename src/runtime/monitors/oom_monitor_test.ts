// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileTree } from "../../linux/cgroup/cgroup_testing.ts";
import { OomLog } from "../../linux/oom/oom_log.ts";
import { killTexts } from "../../linux/oom/oom_log_testing.ts";
import { OomMonitor } from "./oom_monitor.ts";
import type { Monitored } from "./monitor.ts";

const PATH = "/system.slice/web.scope";

/** A container in a cgroup of v2 below `root`, and the numbers of the kills that were published. */
function containerIn(root: string): { container: Monitored; published: (number | undefined)[] } {
  const published: (number | undefined)[] = [];
  const container: Monitored = {
    id: "web",
    instance: "i1",
    cgroup: { version: 2, paths: { unified: root + PATH } },
    pid: 7,
    oomKills: 0,
    stats: () => assert.fail(),
    publish: ({ oom }) => published.push(oom?.kills),
  };
  return { container, published };
}

Deno.test("OomMonitor: a kill is told of a cgroup that is gone, also where earlier ones are overwritten", () => {
  using tree = new FileTree({
    [`${PATH}/memory.current`]: "0\n",
    [`${PATH}/memory.events`]: "oom_kill 0\n",
  });
  const texts: string[] = [];
  const hierarchy = { names: ["unified"], mountPoint: tree.dir, root: "/" };
  const log = new OomLog({ read: () => texts.splice(0), [Symbol.dispose]: () => {} }, {
    hierarchies: [hierarchy],
    onFailure: () => assert.fail(),
  });
  using monitor = new OomMonitor([hierarchy], log);
  const { container, published } = containerIn(tree.dir);
  monitor.start(container);
  texts.push(...killTexts(5, PATH));
  tree.write(`${PATH}/memory.events`, "oom_kill 1\n");
  monitor.poll(container);
  assert.deepEqual(published, [1]);
  // Other records have taken the place of what was not read.
  texts.splice(0);
  Deno.removeSync(tree.dir + PATH, { recursive: true });
  texts.push(...killTexts(7, PATH));
  monitor.poll(container);
  assert.deepEqual(published, [1, 2]);
  monitor.poll(container);
  assert.deepEqual(published, [1, 2]);
  monitor.stop(container);
});
