// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ResourceExhaustedError } from "../../rpc/errors.ts";
import { type EventDraft, Journal, type JournalOptions } from "./journal.ts";
import { Segment } from "./segment.ts";

const OPTIONS: JournalOptions = { segment_bytes: 4096, segments: 4 };

function record(type: EventDraft["type"], more: Partial<EventDraft> = {}): EventDraft {
  return {
    timestamp: "2026-01-01T00:00:00.000Z",
    type,
    id: "a",
    instance: "i",
    pid: 7,
    ...more,
  };
}

const files = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
const segments = (dir: string) => files(dir).filter((name) => name.endsWith(".jsonl"));
const newest = (dir: string) => `${dir}/${segments(dir).at(-1)}`;

/** Everything that can be read after `after`, a few at a time. */
function readAll(journal: Journal, after: number, limit = 7): number[] {
  const seqs: number[] = [];
  for (let cursor = after; cursor < journal.latest;) {
    const events = journal.read(cursor, limit);
    assert.ok(events.length > 0 && events.length <= limit);
    for (const { seq } of events) seqs.push(seq);
    cursor = seqs.at(-1) ?? journal.latest;
  }
  return seqs;
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

Deno.test("Journal: a new journal is empty, and seqs begin at 1", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using journal = Journal.open(`${dir}/events`, OPTIONS);
  assert.deepEqual([journal.oldest, journal.latest, journal.read(0, 9)], [0, 0, []]);
  const event = journal.append(record("create"));
  assert.deepEqual(event, { seq: 1, ...record("create"), runtime: "linux" });
  assert.deepEqual([journal.oldest, journal.latest, journal.read(0, 9)], [1, 1, [event]]);
});

Deno.test("Journal: an event is in the file before append returns, and a restart finds it", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using first = Journal.open(dir, OPTIONS);
  const events = [first.append(record("create")), first.append(record("start"))];
  // As after kill -9: never closed.
  using second = Journal.open(dir, OPTIONS);
  assert.deepEqual(second.read(0, 9), events);
  assert.equal(second.append(record("exit")).seq, 3);
});

Deno.test("Journal: every event that is kept is read in order, from memory and from files", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const options = { segment_bytes: 64 * 1024, segments: 50 };
  {
    using journal = Journal.open(dir, options);
    for (let n = 1; n <= 5000; n++) {
      journal.append(record("start", { path: "x".repeat(n % 300) }));
    }
    assert.deepEqual(readAll(journal, 0, 100), range(1, 5000));
    assert.deepEqual(readAll(journal, 4990), range(4991, 5000));
    assert.equal(journal.read(2500, 1)[0]?.path?.length, 2501 % 300);
  }
  assert.ok(segments(dir).length > 5);
  using journal = Journal.open(dir, options);
  for (const after of [0, 1, 63, 64, 65, 1234, 3975, 3976, 4999]) {
    assert.deepEqual(readAll(journal, after, 100), range(after + 1, 5000));
  }
});

Deno.test("Journal: the oldest file goes when there are enough, and nothing but segments and facts is left", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using journal = Journal.open(dir, OPTIONS);
  for (let n = 0; n < 1000; n++) journal.append(record("start"));
  assert.equal(segments(dir).length, OPTIONS.segments);
  assert.equal(files(dir).length, OPTIONS.segments + 1);
  assert.ok(journal.oldest > 800, String(journal.oldest));
  assert.equal(journal.latest, 1000);
  assert.deepEqual(readAll(journal, 0), range(journal.oldest, 1000));
  using again = Journal.open(dir, OPTIONS);
  assert.equal(again.oldest, journal.oldest);
  assert.deepEqual(readAll(again, 0), range(journal.oldest, 1000));
});

Deno.test("Journal: seqs go on when all that is left is the empty newest file", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, OPTIONS);
    for (let n = 0; n < 100; n++) journal.append(record("start"));
  }
  const kept = newest(dir);
  const first = Number(/(\d+)\.jsonl$/.exec(kept)?.[1]);
  for (const name of files(dir)) {
    if (`${dir}/${name}` !== kept) Deno.removeSync(`${dir}/${name}`);
  }
  Deno.truncateSync(kept);
  using journal = Journal.open(dir, OPTIONS);
  assert.deepEqual([journal.oldest, journal.latest], [0, first - 1]);
  assert.deepEqual(journal.read(0, 9), []);
  assert.equal(journal.append(record("start")).seq, first);
});

Deno.test("Journal: a torn last line is cut off wherever it is torn", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, OPTIONS);
    journal.append(record("create"));
    journal.append(record("start"));
  }
  const path = newest(dir);
  const whole = Deno.readTextFileSync(path);
  const firstLine = whole.indexOf("\n") + 1;
  for (let cut = firstLine; cut < whole.length; cut += 17) {
    Deno.writeTextFileSync(path, whole.slice(0, cut));
    using journal = Journal.open(dir, OPTIONS);
    assert.equal(journal.latest, 1, `cut at ${cut}`);
    assert.equal(Deno.statSync(path).size, firstLine);
    assert.equal(journal.append(record("exit")).seq, 2);
    assert.deepEqual(journal.read(0, 9).map(({ type }) => type), ["create", "exit"]);
  }
  Deno.writeTextFileSync(path, `${whole}\0\0\0\n`);
  using journal = Journal.open(dir, OPTIONS);
  assert.equal(journal.append(record("exit")).seq, 3);
  assert.deepEqual(readAll(journal, 0), [1, 2, 3]);
});

Deno.test("Journal: damage in the middle costs only the event that it hit", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, OPTIONS);
    for (let n = 0; n < 10; n++) journal.append(record("start"));
  }
  const path = newest(dir);
  const lines = Deno.readTextFileSync(path).split("\n");
  lines[4] = "damaged";
  Deno.writeTextFileSync(path, lines.join("\n"));
  using journal = Journal.open(dir, OPTIONS);
  assert.equal(journal.append(record("start")).seq, 11);
  assert.deepEqual(readAll(journal, 0), [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
});

Deno.test("Journal: a damaged stretch longer than a read, or a whole file, hides no event after it", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, OPTIONS);
    for (let n = 0; n < 100; n++) journal.append(record("start"));
  }
  const [first = "", second = ""] = segments(dir);
  const damage = (lines: number) => {
    const whole = Deno.readTextFileSync(`${dir}/${first}`).split("\n");
    const damaged = whole.map((line, n) => n < lines ? "x".repeat(line.length) : line);
    Deno.writeTextFileSync(`${dir}/${first}`, damaged.join("\n"));
  };
  for (const [lines, from] of [[20, 21], [4096, Number(second.replace(".jsonl", ""))]] as const) {
    damage(lines);
    using journal = Journal.open(dir, OPTIONS);
    assert.deepEqual(readAll(journal, 0), range(from, 100));
  }
});

Deno.test("Segment: a torn line that would begin a stride leaves no mark of it", () => {
  using temp = new TempDir();
  const line = (n: number) => `{"line":${n},"fill":"${"x".repeat(n % 7)}"}`;
  {
    using segment = Segment.create(temp.path, 1);
    for (let n = 1; n <= 65; n++) segment.append(line(n));
  }
  const [segment] = Segment.list(temp.path);
  assert.ok(segment);
  using _segment = segment;
  segment.resume((text) => text !== line(65));
  assert.equal(segment.next, 65);
  for (let n = 65; n <= 300; n++) segment.append(line(n));
  for (const from of [1, 64, 65, 128, 129, 193, 300]) {
    assert.deepEqual(segment.read(from, 1), [line(from)], String(from));
  }
});

Deno.test("Journal: what is known of an instance outlives rotation and restarts", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, OPTIONS);
    journal.append(record("create"), 1);
    journal.append(record("start"), 2);
    journal.append(record("exec-started", { execId: "e", pid: 8 }), 4);
    journal.append(record("exec-started", { execId: "f", pid: 9 }), 5);
    journal.append(record("oom", { oom: { cgroup: "/c", kills: 2 } }));
    journal.append(record("exit", { execId: "e", pid: 8, exitStatus: 0 }), 6);
    journal.append(record("delete", { instance: "gone" }), 3);
    const other = { id: "b", instance: "j" };
    for (let n = 0; n < 1000; n++) journal.append(record("paused", other), n);
    assert.ok(journal.oldest > 7);
  }
  for (let round = 0; round < 2; round++) {
    using journal = Journal.open(dir, OPTIONS);
    const facts = journal.facts("i");
    assert.equal(facts.shimSeq, 6);
    assert.equal(facts.startedAt, "2026-01-01T00:00:00.000Z");
    assert.equal(facts.oomKills, 2);
    assert.deepEqual(facts.running(), [["f", 9]]);
    assert.equal(facts.initExited, false);
    assert.equal(facts.deleted, false);
    assert.equal(journal.facts("gone").deleted, true);
    assert.equal(journal.facts("j").shimSeq, 999);
    assert.equal(journal.facts("unknown").shimSeq, 0);
    assert.equal(journal.facts("unknown").initExited, false);
  }
  using journal = Journal.open(dir, OPTIONS);
  journal.append(record("exit", { exitStatus: 0 }), 7);
  assert.equal(journal.facts("i").initExited, true);
});

Deno.test("Journal: without its facts file the facts come from the events that are kept", () => {
  using temp = new TempDir();
  const dir = temp.path;
  {
    using journal = Journal.open(dir, { segment_bytes: 4096, segments: 100 });
    journal.append(record("start"), 9);
    for (let n = 0; n < 100; n++) journal.append(record("paused", { instance: "j" }), n);
  }
  for (const damage of [(path: string) => Deno.writeTextFileSync(path, "[[1"), Deno.removeSync]) {
    for (const name of files(dir)) if (name.endsWith(".facts")) damage(`${dir}/${name}`);
    using journal = Journal.open(dir, OPTIONS);
    assert.equal(journal.facts("i").shimSeq, 9);
    assert.equal(journal.facts("j").shimSeq, 99);
  }
});

Deno.test("Journal: a new file counts only once the facts before it are written", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const options = { segment_bytes: 1000, segments: 2 };
  {
    using journal = Journal.open(dir, options);
    journal.append(record("start"), 9);
    const other = record("paused", { instance: "j" });
    for (let n = 0; n < 100 && journal.oldest < 2; n++) journal.append(other);
    assert.ok(journal.oldest >= 2, "no file was given up");
    // Whichever event begins the next file, its facts cannot be written.
    const from = journal.latest + 1;
    const taken = range(from, from + 20).map((seq) =>
      `${dir}/${String(seq).padStart(16, "0")}.facts.tmp`
    );
    for (const path of taken) Deno.mkdirSync(path);
    assert.throws(() => {
      for (const _ of taken) journal.append(other);
    }, /Is a directory/);
  }
  // As after a kill between the two.
  using journal = Journal.open(dir, options);
  assert.equal(journal.facts("i").shimSeq, 9);
  const next = journal.latest + 1;
  assert.equal(journal.append(record("exit")).seq, next);
});

Deno.test("Journal: an exec id that is used again has an exit to come", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using journal = Journal.open(dir, OPTIONS);
  const started = record("exec-started", { execId: "e" });
  const exit = record("exit", { execId: "e" });
  for (const event of [started, exit, started]) journal.append(event);
  assert.equal(journal.facts("i").execs.has("e"), true);
});

Deno.test("Journal: deleted instances are forgotten in the end, restarts between or not", () => {
  using temp = new TempDir();
  const dir = temp.path;
  for (const from of [0, 150]) {
    using journal = Journal.open(dir, OPTIONS);
    for (let n = from; n < from + 150; n++) {
      journal.append(record("delete", { instance: `i${n}` }));
    }
  }
  using journal = Journal.open(dir, OPTIONS);
  assert.equal(journal.facts("i0").deleted, false);
  assert.equal(journal.facts("i299").deleted, true);
});

Deno.test("Journal: a full disk makes append fail, and the same record can be tried again", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using disk = new SmallDisk(dir, "size=32k");
  const options = { segment_bytes: 1_000_000, segments: 2 };
  using journal = Journal.open(`${dir}/events`, options);
  let written = 0;
  assert.throws(() => {
    for (;;) {
      journal.append(record("start"));
      written++;
    }
  }, ResourceExhaustedError);
  assert.throws(() => journal.append(record("exit")), ResourceExhaustedError);
  assert.equal(journal.latest, written);
  assert.deepEqual(readAll(journal, 0, 50), range(1, written));
  disk.resize("256k");
  assert.equal(journal.append(record("exit")).seq, written + 1);
  using again = Journal.open(`${dir}/events`, options);
  assert.deepEqual(readAll(again, 0, 50), range(1, written + 1));
  assert.equal(again.read(written, 1)[0]?.type, "exit");
});

Deno.test("Journal: on a full disk a new file is begun by giving up the oldest", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using _disk = new SmallDisk(dir, "size=64k");
  using journal = Journal.open(dir, { segment_bytes: 16_000, segments: 3 });
  for (let n = 0; n < 2000; n++) journal.append(record("start"));
  assert.equal(journal.latest, 2000);
});
