// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { concerned, timeline } from "./timeline.ts";

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;

const event = (second: number, id: string): Event => ({
  seq: second,
  timestamp: at(second),
  runtime: "linux",
  type: "create",
  id,
  instance: `instance-${id}`,
  pid: 7,
});

const sources = {
  events: [event(2, "c1"), event(3, "c12")],
  notes: [
    { at: at(1), id: "c1", text: "container.create", cgroup: "/run/c-11" },
    { at: at(4), text: "daemon killed" },
  ],
  log: `${at(5)} [inf] berth.container: c1: exit\n${at(5)} [inf] berth.container: c12: exit\nstack`,
};

Deno.test("timeline: what concerns one container, in order", () => {
  assert.deepEqual(timeline(sources, new Set(["c1"])).trimEnd().split("\n"), [
    `${at(1)} soak    c1: container.create`,
    `${at(2)} event   c1: 2 create pid 7`,
    `${at(4)} soak    *: daemon killed`,
    `${at(5)} daemon  [inf] berth.container: c1: exit`,
  ]);
});

Deno.test("concerned: by id, instance or cgroup, and all where none is named", () => {
  assert.deepEqual(concerned(sources, "an event of c12"), new Set(["c12"]));
  assert.deepEqual(concerned(sources, "instance-c1 lost"), new Set(["c1"]));
  assert.deepEqual(concerned(sources, "left: /sys/fs/cgroup/pids/run/c-11"), new Set(["c1"]));
  assert.deepEqual(concerned(sources, "no answer"), new Set(["c1", "c12"]));
});
