// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import fc from "fast-check";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { InstanceState } from "./instance_state.ts";
import { type EventDraft, Journal, type JournalOptions } from "./journal.ts";

/** So small that nearly every run rotates. */
const OPTIONS: JournalOptions = { segment_bytes: 700, segments: 3 };

type Draft = Pick<Event, "type" | "instance"> & { readonly execId?: string; readonly size: number };

const TIME = "2026-01-01T00:00:00.000Z";

type Step =
  | {
    readonly do: "append";
    readonly draft: Draft;
    /** Undefined for an event of the daemon's own. */
    readonly shimSeq: number | undefined;
    /** Whether an OOM kill says how many there have been. */
    readonly counted: boolean;
  }
  /** The daemon is stopped and started. */
  | { readonly do: "reopen" }
  /** It is killed with so many bytes of the next line written, modulo the line's length. */
  | { readonly do: "torn"; readonly draft: Draft; readonly bytes: number }
  /** It is killed while it begins another file, after so many of the steps of that. */
  | { readonly do: "cut-rotation"; readonly steps: number };

const draft: fc.Arbitrary<Draft> = fc.record({
  type: fc.constantFrom("create", "start", "exec-started", "exit", "oom", "paused", "delete"),
  instance: fc.constantFrom("i", "j", "k"),
  execId: fc.constantFrom("e", "f"),
  size: fc.nat(300),
}).map(({ execId, ...rest }) =>
  rest.type === "exec-started" || (rest.type === "exit" && rest.size % 2 === 0)
    ? { ...rest, execId }
    : rest
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      draft,
      shimSeq: fc.option(fc.integer({ min: 1, max: 99 }), { nil: undefined }),
      counted: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("torn" as const), draft, bytes: fc.nat(2000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("cut-rotation" as const), steps: fc.nat(3) }),
  },
);

function record({ type, instance, execId, size }: Draft): EventDraft {
  return {
    timestamp: TIME,
    type,
    id: `c-${"x".repeat(size)}`,
    instance,
    pid: 7,
    ...(execId === undefined ? {} : { execId }),
    ...(type === "exit" ? { exitStatus: 0, exitedAt: TIME } : {}),
  };
}

/** What a journal must know: everything that was appended, in plain arrays. */
class Model {
  readonly events: Event[] = [];
  readonly shimSeqs: (number | undefined)[] = [];

  check(journal: Journal): void {
    assert.equal(journal.latest, this.events.length);
    const { oldest } = journal;
    if (this.events.length === 0) assert.equal(oldest, 0);
    const read: Event[] = [];
    for (let cursor = 0; cursor < journal.latest;) {
      const some = journal.read(cursor, 5);
      if (some.length === 0) break;
      read.push(...some);
      cursor = some.at(-1)!.seq;
    }
    const kept = oldest === 0 ? [] : this.events.slice(oldest - 1);
    assert.deepEqual(read, kept, "what can be read is the end of what was appended");
    for (const instance of ["i", "j", "k"]) {
      assert.deepEqual(
        facts(journal.facts(instance)),
        this.#facts(instance),
        `facts of ${instance}`,
      );
    }
  }

  /** Returns how many OOM kills of an instance there have been. */
  oomKills(instance: string): number {
    return this.events.filter((event) => event.instance === instance && event.type === "oom")
      .length;
  }

  /** Counts by itself what the events of an instance say: `InstanceState` is under test too. */
  #facts(instance: string): Facts {
    const own = this.events.filter((event) => event.instance === instance);
    const seqs = this.shimSeqs.filter((_, index) => this.events[index]?.instance === instance);
    const running = new Set<string>();
    for (const { type, execId } of own) {
      if (execId === undefined) continue;
      if (type === "exec-started") running.add(execId);
      else running.delete(execId);
    }
    return {
      shimSeq: Math.max(0, ...seqs.map((seq) => seq ?? 0)),
      startedAt: own.some(({ type }) => type === "start") ? TIME : undefined,
      oomKills: this.oomKills(instance),
      initExited: own.some(({ type, execId }) => type === "exit" && execId === undefined),
      deleted: own.some(({ type }) => type === "delete"),
      running: [...running].sort(),
    };
  }
}

/** What is compared of the facts of an instance. */
type Facts =
  & Pick<InstanceState, "shimSeq" | "startedAt" | "oomKills" | "initExited" | "deleted">
  & {
    readonly running: readonly string[];
  };

function facts(state: InstanceState): Facts {
  const { shimSeq, startedAt, oomKills, initExited, deleted } = state;
  const running = state.running().map(([execId]) => execId).sort();
  return { shimSeq, startedAt, oomKills, initExited, deleted, running };
}

/** Returns the files of a journal, the oldest first. */
function segmentsIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => `${dir}/${name}`)
    .filter((path) => path.endsWith(".jsonl")).sort();
}

const newest = (dir: string) => segmentsIn(dir).at(-1)!;

/** Checks that a full file is followed by another, and that only as many stay as may. */
function checkRotation(dir: string, oldest: number): void {
  const segments = segmentsIn(dir);
  const text = Deno.readTextFileSync(newest(dir));
  const before = text.lastIndexOf("\n", text.length - 2) + 1;
  assert.ok(before < OPTIONS.segment_bytes, "a line was added to a file that was full");
  assert.ok(segments.length <= OPTIONS.segments, `${segments.length} files are kept`);
  if (segments.length < OPTIONS.segments) assert.equal(oldest, 1, "a file went too early");
}

Deno.test("Journal: appends, restarts, torn writes and cut rotations lose and change nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      using temp = new TempDir();
      const dir = temp.path;
      let journal = Journal.open(dir, OPTIONS);
      const model = new Model();
      try {
        for (const step of steps) {
          switch (step.do) {
            case "append": {
              const { draft, shimSeq } = step;
              const kills = model.oomKills(draft.instance) + 1;
              const event = journal.append({
                ...record(draft),
                ...(draft.type === "oom" && step.counted ? { oom: { cgroup: "/c", kills } } : {}),
              }, shimSeq);
              assert.equal(event.seq, model.events.length + 1);
              model.events.push(event);
              model.shimSeqs.push(shimSeq);
              checkRotation(dir, journal.oldest);
              break;
            }
            case "reopen":
              journal[Symbol.dispose]();
              journal = Journal.open(dir, OPTIONS);
              break;
            case "torn": {
              journal[Symbol.dispose]();
              const seq = model.events.length + 1;
              const line = `${JSON.stringify({ event: { seq, ...record(step.draft) } })}\n`;
              const file = Deno.openSync(newest(dir), { append: true });
              file.writeSync(new TextEncoder().encode(line.slice(0, step.bytes % line.length)));
              file.close();
              journal = Journal.open(dir, OPTIONS);
              break;
            }
            case "cut-rotation": {
              journal[Symbol.dispose]();
              cutRotation(dir, model.events.length + 1, step.steps);
              journal = Journal.open(dir, OPTIONS);
              break;
            }
          }
          model.check(journal);
        }
      } finally {
        journal[Symbol.dispose]();
      }
    }),
    { numRuns: 100 },
  );
});

/** Leaves what a daemon leaves that is killed while it begins the file of seq `first`. */
function cutRotation(dir: string, first: number, steps: number): void {
  const path = `${dir}/${String(first).padStart(16, "0")}.facts`;
  const whole = JSON.stringify([["z", { shimSeq: 1, oomKills: 0, running: [] }]]);
  if (steps === 0) Deno.writeTextFileSync(`${path}.tmp`, whole.slice(0, 9));
  if (steps === 1) Deno.writeTextFileSync(`${path}.tmp`, whole);
  // Facts count only beside their segment, which is made last.
  if (steps === 2 && !newest(dir).includes(String(first))) Deno.writeTextFileSync(path, whole);
}

Deno.test("Journal: cut at every byte of its last lines, it has every whole line", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const model = new Model();
  const options = { segment_bytes: 1_000_000, segments: 3 };
  {
    using journal = Journal.open(dir, options);
    for (const [index, type] of (["create", "start", "exit"] as const).entries()) {
      model.events.push(journal.append(record({ type, instance: "i", size: 40 }), index + 1));
      model.shimSeqs.push(index + 1);
    }
  }
  const path = newest(dir);
  const bytes = Deno.readFileSync(path);
  for (let length = 0; length <= bytes.length; length++) {
    Deno.writeFileSync(path, bytes.subarray(0, length));
    const whole = new Model();
    const count = bytes.subarray(0, length).filter((byte) => byte === 10).length;
    whole.events.push(...model.events.slice(0, count));
    whole.shimSeqs.push(...model.shimSeqs.slice(0, count));
    using journal = Journal.open(dir, options);
    whole.check(journal);
    // What was cut off is written anew, and nothing of it is left.
    const again = journal.append(record({ type: "paused", instance: "j", size: 3 }), 9);
    whole.events.push(again);
    whole.shimSeqs.push(9);
    journal[Symbol.dispose]();
    using reopened = Journal.open(dir, options);
    whole.check(reopened);
  }
});
