// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../rpc/contract/schemas.ts";
import { readEvents } from "./read_events.ts";

/** A journal of events `oldest` to `latest`; every third is of container b, and an exit. */
function journalOf(oldest: number, latest: number) {
  const events = Array.from({ length: latest - oldest + 1 }, (_, i): Event => {
    const seq = oldest + i;
    const third = seq % 3 === 0;
    return {
      ...{ seq, timestamp: "t", runtime: "linux", type: third ? "exit" : "start" },
      ...{ id: third ? "b" : "a", instance: "i", pid: 1 },
    };
  });
  return {
    oldest: latest < oldest ? 0 : oldest,
    latest,
    read: (after: number, limit: number) => events.filter(({ seq }) => seq > after).slice(0, limit),
  };
}

const seqs = (events: readonly Event[]) => events.map(({ seq }) => seq);

Deno.test("readEvents pages through the journal without gap or repetition", () => {
  const journal = journalOf(11, 1300);
  const found: number[] = [];
  for (let after = 0; after < journal.latest;) {
    const page = readEvents(journal, { after: after || undefined, limit: 100 });
    assert.equal(page.gap, false);
    assert(page.events.length <= 100);
    found.push(...seqs(page.events));
    after = page.next;
  }
  assert.deepEqual(found, Array.from({ length: 1290 }, (_, i) => 11 + i));
});

Deno.test("readEvents filters, and next goes past what the filter rejects", () => {
  const journal = journalOf(1, 10);
  const exits = readEvents(journal, { types: ["exit"] });
  assert.deepEqual([seqs(exits.events), exits.next], [[3, 6, 9], 10]);
  assert.deepEqual(seqs(readEvents(journal, { ids: ["a"], limit: 2 }).events), [1, 2]);
  const first = readEvents(journal, { ids: ["b"], limit: 2 });
  assert.deepEqual([seqs(first.events), first.next], [[3, 6], 6]);
  const rest = readEvents(journal, { ids: ["b"], limit: 2, after: first.next });
  assert.deepEqual([seqs(rest.events), rest.next], [[9], 10]);
});

Deno.test("readEvents says when events are lost or after is of another journal", () => {
  const journal = journalOf(5, 9);
  assert.equal(readEvents(journal, {}).gap, false, "asked for what there is");
  assert.equal(readEvents(journal, { after: 4 }).gap, false);
  assert.equal(readEvents(journal, { after: 3 }).gap, true);
  assert.deepEqual(seqs(readEvents(journal, { after: 3 }).events), [5, 6, 7, 8, 9]);
  const foreign = readEvents(journal, { after: 99 });
  assert.deepEqual([foreign.gap, seqs(foreign.events)], [true, [5, 6, 7, 8, 9]]);
  assert.deepEqual(readEvents(journalOf(1, 0), {}), {
    ...{ events: [], next: 0, oldest: 0, latest: 0, gap: false },
  });
});
