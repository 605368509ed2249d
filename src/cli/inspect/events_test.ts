// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { eventLine } from "./events.ts";

Deno.test("eventLine: says when a restart is due, and why one has failed", () => {
  const timestamp = "2026-01-02T03:04:05.678Z";
  const event = { timestamp, runtime: "linux", seq: 7, id: "web", instance: "i", pid: 42 } as const;
  assert.match(
    eventLine({ ...event, type: "restarting", restart: { count: 3, at: timestamp } }),
    / 7 {2}restarting +web pid=42 count=3 at=2026-01-02T03:04:05\.678Z$/,
  );
  assert.match(
    eventLine({ ...event, type: "restart-failed", error: "no\nmount" }),
    /restart-failed +web pid=42 error="no\\nmount"$/,
  );
});

Deno.test("eventLine: what a container has named a cgroup does not reach the terminal as commands", () => {
  const timestamp = "2026-01-02T03:04:05.678Z";
  const event = { timestamp, runtime: "linux", seq: 7, id: "web", instance: "i", pid: 42 } as const;
  assert.match(
    eventLine({ ...event, type: "oom", oom: { cgroup: "/web/a\u001b[2J\u009b1A", kills: 1 } }),
    / cgroup=\/web\/a\\x1b\[2J\\x9b1A$/,
  );
});
