// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../src/rpc/contract/schemas.ts";

/**
 * Fails unless `events`, all of one daemon's without a filter, are a true history: no hole, none
 * twice, and for each container `create` first, each process at most one exit and none before its
 * start, init's exit after every exec's, and nothing after `delete`.
 */
export function assertHistory(events: readonly Event[]): void {
  const instances = new Map<string, Event[]>();
  events.forEach((event, index) => {
    const expected = (events[0]?.seq ?? 0) + index;
    if (event.seq !== expected) {
      const around = summary(events.slice(Math.max(0, index - 20), index + 20));
      assert.fail(`a hole or a repetition at ${expected}: ${around}`);
    }
    const own = instances.get(event.instance) ?? [];
    instances.set(event.instance, own);
    own.push(event);
  });
  for (const own of instances.values()) assertLife(own);
}

/** Fails unless `events` are a true history of one instance; see {@linkcode assertHistory}. */
export function assertLife(events: readonly Event[]): void {
  const said = summary(events);
  const at = (type: string, execId?: string) =>
    events.flatMap((event, index) => event.type === type && event.execId === execId ? [index] : []);
  assert.deepEqual(at("create"), [0], `create is first, and once: ${said}`);
  for (const type of ["start", "exit", "delete"]) {
    assert.ok(at(type).length <= 1, `${type} at most once: ${said}`);
  }
  const [start = Infinity] = at("start");
  const [exit = Infinity] = at("exit");
  const [deleted = Infinity] = at("delete");
  if (start !== Infinity && exit !== Infinity) assert.ok(start < exit, `exit after start: ${said}`);
  if (deleted !== Infinity) assert.equal(deleted, events.length - 1, `delete is last: ${said}`);
  for (const execId of new Set(events.flatMap(({ execId }) => execId ?? []))) {
    const added = at("exec-added", execId), started = at("exec-started", execId);
    const exits = at("exit", execId);
    assert.ok(exits.length <= added.length, `one exit for each exec ${execId}: ${said}`);
    assert.equal(added.length, started.length, said);
    exits.forEach((index, round) => {
      assert.ok((added[round] ?? Infinity) < (started[round] ?? Infinity), said);
      assert.ok((started[round] ?? Infinity) < index, `${execId} exits after its start: ${said}`);
      assert.ok(index < exit, `the exit of exec ${execId} comes before init's: ${said}`);
    });
  }
}

function summary(events: readonly Event[]): string {
  return events.map(({ seq, type, id, execId }) =>
    `${seq} ${type} ${id}${execId === undefined ? "" : `/${execId}`}`
  ).join(", ");
}
