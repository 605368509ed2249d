// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { CONTAINER_COMMANDS } from "./commands.ts";
import { ExitStatuses } from "./exit_statuses.ts";

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;

const event = (
  seq: number,
  type: Event["type"],
  instance: string,
  more: Partial<Event>,
): Event => ({
  seq,
  timestamp: at(seq),
  runtime: "linux",
  type,
  id: "c1",
  instance,
  pid: 7,
  ...more,
});

const life = (first: number, instance: string, more: Partial<Event>): Event[] => [
  event(first, "create", instance, more),
  event(first + 1, "start", instance, {}),
  event(first + 2, "exit", instance, { exitStatus: 7, exitedAt: at(first + 2) }),
];

const statuses = (): ExitStatuses => {
  const statuses = new ExitStatuses();
  statuses.seen("old", CONTAINER_COMMANDS.get("ends at once"));
  return statuses;
};

Deno.test("ExitStatuses: a program that nobody started did not end by itself", () => {
  const [wrong, ...more] = statuses().uncaused(life(1, "old", {}));
  assert.match(wrong ?? "", /the exit status 7 of c1 .*only nothing/);
  assert.deepEqual(more, []);
});

Deno.test("ExitStatuses: an instance that replaces another was started, with its program", () => {
  assert.deepEqual([...statuses().uncaused(life(4, "new", { replaces: "old" }))], []);
});
