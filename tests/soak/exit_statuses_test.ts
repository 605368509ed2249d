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

/** A life that ends with a status two seconds after it was created. */
const life = (
  first: number,
  instance: string,
  { exitStatus = 7, ...more }: Partial<Event>,
): Event[] => [
  event(first, "create", instance, more),
  event(first + 1, "start", instance, {}),
  event(first + 2, "exit", instance, { exitStatus, exitedAt: at(first + 2) }),
];

/** A model that knows the program of an instance, and the clock that it looks at. */
function model(): { statuses: ExitStatuses; setTime: (second: number) => void } {
  let now = Date.parse(at(0));
  const statuses = new ExitStatuses(() => now);
  statuses.seen("old", CONTAINER_COMMANDS.get("ends at once"));
  return { statuses, setTime: (second) => void (now = Date.parse(at(second))) };
}

/** Returns the first line of each fault in a history. */
function wrong(statuses: ExitStatuses, events: readonly Event[]): string[] {
  return [...statuses.uncaused(events)].map((text) => text.split("\n")[0] ?? "");
}

Deno.test("ExitStatuses: a program that nobody started did not end by itself", () => {
  const [first = "", ...more] = wrong(model().statuses, life(1, "old", {}));
  assert.match(first, /the exit status 7 of c1 .*only nothing/);
  assert.deepEqual(more, []);
});

Deno.test("ExitStatuses: an instance that replaces another was started, with its program", () => {
  assert.deepEqual(wrong(model().statuses, life(4, "new", { replaces: "old" })), []);
});

Deno.test("ExitStatuses: a call reaches each instance that has the id while it is under way", () => {
  const ways = [
    [137, (statuses: ExitStatuses) => statuses.deleting("c1", true)],
    [137, (statuses: ExitStatuses) => statuses.signaling("c1", 9, false)],
    [143, (statuses: ExitStatuses) => statuses.signaling("c1", 15, true)],
  ] as const;
  for (const [exitStatus, act] of ways) {
    const killed = life(4, "new", { replaces: "old", exitStatus });
    for (const [from, until, reaches] of [[1, 5, true], [5, 9, true], [1, 3, false]] as const) {
      const { statuses, setTime } = model();
      setTime(from);
      using call = act(statuses);
      setTime(until);
      call[Symbol.dispose]();
      assert.equal(wrong(statuses, killed).length, reaches ? 0 : 1, `${from} to ${until}`);
    }
    // Its daemon has died, and there is no answer yet.
    const { statuses, setTime } = model();
    setTime(1);
    using _call = act(statuses);
    assert.deepEqual(wrong(statuses, killed), []);
    // What comes after an exit has not caused it.
    const late = model();
    late.setTime(7);
    using _late = act(late.statuses);
    assert.equal(wrong(late.statuses, killed).length, 1);
  }
});

Deno.test("ExitStatuses: a delete without force kills only what was never started", () => {
  const [create, start, exit] = life(1, "old", { exitStatus: 137 });
  assert.ok(create && start && exit);
  const { statuses } = model();
  using _delete = statuses.deleting("c1", false);
  assert.deepEqual(wrong(statuses, [create, exit]), []);
  assert.equal(wrong(statuses, [create, start, exit]).length, 1);
  const synthetic = { ...exit, synthetic: true };
  assert.deepEqual(wrong(statuses, [create, synthetic]), []);
  assert.equal(wrong(statuses, [create, start, synthetic]).length, 2);
});

Deno.test("ExitStatuses: a signal to an exec is not one to init, and one to all is for both", () => {
  const [create, start, exit] = life(1, "old", { exitStatus: 143 });
  assert.ok(create && start && exit);
  const ofExec = { ...exit, execId: "e", exitedAt: at(2) };
  const later = { ...exit, exitedAt: "2026-01-01T00:00:09.000Z" };
  const { statuses } = model();
  statuses.executing("c1", "e", { args: ["sleep"], own: [], weight: 1 });
  using _signal = statuses.signalingExec("c1", "e", 15);
  assert.deepEqual(wrong(statuses, [create, start, ofExec]), []);
  assert.equal(wrong(statuses, [create, start, ofExec, later]).length, 1);
  using _all = statuses.signaling("c1", 15, true);
  assert.deepEqual(wrong(statuses, [create, start, ofExec, later]), []);
});
