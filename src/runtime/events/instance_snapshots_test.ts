// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../rpc/contract/schemas.ts";
import { InstanceSnapshots } from "./instance_snapshots.ts";

const TIME = "2026-01-01T00:00:00.000Z";

function create(instance: string, replaces?: string): Omit<Event, "seq"> {
  return {
    ...{ timestamp: TIME, type: "create", runtime: "linux", id: "c", instance, pid: 7 },
    ...(replaces === undefined ? {} : { replaces }),
  };
}

/** How many instances a table holds. */
function sizeOf(table: InstanceSnapshots): number {
  return JSON.parse(table.serialize()).length;
}

Deno.test("InstanceSnapshots: an instance that another replaces counts as deleted", () => {
  const table = new InstanceSnapshots();
  table.apply(create("a"), 1);
  assert.equal(table.get("a").deleted, false);
  table.apply(create("b", "a"), 1);
  assert.deepEqual([table.get("a").deleted, table.get("b").deleted], [true, false]);
});

Deno.test("InstanceSnapshots: of a container that restarts again and again, what is kept is bounded", () => {
  let table = new InstanceSnapshots();
  table.apply(create("i0"), 1);
  for (let n = 1; n <= 1000; n++) {
    table.apply(create(`i${n}`, `i${n - 1}`), 1);
    // What is read from the file goes on being forgotten.
    if (n === 200) table = InstanceSnapshots.parse(table.serialize())!;
  }
  assert.equal(table.get("i1000").shimSeq, 1);
  assert.equal(table.get("i0").shimSeq, 0, "the first is forgotten");
  assert.equal(sizeOf(table), 257, "the one that is there, and 256 deleted ones");
});
