// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { writeAtomic } from "../../linux/fs/write_atomic.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { Config } from "../config/config.ts";
import { InstanceSnapshots } from "./instance_snapshots.ts";
import type { InstanceState } from "./instance_state.ts";
import { Segment } from "./segment.ts";
import { exhaustedOr } from "../util/exhausted_or.ts";

/** How large a journal gets. */
export type JournalOptions = Readonly<Config["events"]>;

/** An event before the journal has given it its `seq`. */
export type EventDraft = Omit<Event, "seq" | "runtime">;

/** One line of a segment. */
interface JournalLine {
  readonly event: Event;
  /** The shim's own sequence number of an event that came from one. */
  readonly shimSeq?: number;
}

/** How many of the latest events are kept in memory. */
const TAIL = 1024;

/**
 * The log of every event: appended to a file before it is published, so that it survives the
 * daemon. Seqs grow by one, also across restarts. Files are rotated by size, the oldest go; beside
 * the newest stands the state that the events before it add up to ({@linkcode InstanceSnapshots}).
 *
 * Nothing here waits: the files are on a tmpfs, and a caller must know at once that its event is there.
 */
export class Journal implements Disposable {
  readonly #dir: string;
  readonly #options: JournalOptions;
  readonly #segments: Segment[];
  readonly #facts: InstanceSnapshots;
  /** The latest events, without a hole. */
  #tail: Event[];

  private constructor(
    dir: string,
    options: JournalOptions,
    parts: { segments: Segment[]; facts: InstanceSnapshots; tail: Event[] },
  ) {
    this.#dir = dir;
    this.#options = options;
    this.#segments = parts.segments;
    this.#facts = parts.facts;
    this.#tail = parts.tail;
  }

  /** Opens the journal in `dir`, which is made if it is missing. One process at a time. */
  static open(dir: string, options: JournalOptions): Journal {
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    const segments = Segment.list(dir);
    const newest = segments.at(-1);
    let facts = newest && readFacts(factsPath(newest));
    if (facts === undefined) {
      facts = new InstanceSnapshots();
      for (const segment of segments.slice(0, -1)) replay(segment, facts);
    }
    const tail: Event[] = [];
    newest?.resume((text) => {
      const line = parseLine(text);
      if (line === undefined) {
        // In the middle of the file it is one event that is lost, and a hole.
        tail.length = 0;
        return false;
      }
      facts.apply(line.event, line.shimSeq);
      tail.push(line.event);
      if (tail.length >= 2 * TAIL) tail.splice(0, TAIL);
      return true;
    });
    const journal = new Journal(dir, options, { segments, facts, tail });
    if (newest === undefined) journal.#begin(1);
    journal.#removeOldFacts();
    return journal;
  }

  /** The lowest seq that can still be read; 0 if there is none. */
  get oldest(): number {
    const { first } = this.#segments[0] ?? this.#newest;
    return first < this.#newest.next ? first : 0;
  }

  /** The highest seq so far, whether or not it can still be read; 0 if there was none. */
  get latest(): number {
    return this.#newest.next - 1;
  }

  /**
   * Writes an event to the journal and returns it with its seq. `shimSeq` is its sequence number at
   * the shim that it came from.
   *
   * @throws {ResourceExhaustedError} if the disk is full or no file can be opened; then nothing was
   *   appended and the same draft may be tried again.
   */
  append(draft: EventDraft, shimSeq?: number): Event {
    const event: Event = { seq: this.#newest.next, ...draft, runtime: "linux" };
    const line: JournalLine = shimSeq === undefined ? { event } : { event, shimSeq };
    try {
      if (this.#newest.size >= this.#options.segment_bytes) this.#rotate();
      failpoint("journal.append");
      this.#newest.append(JSON.stringify(line));
      failpoint("journal.appended");
    } catch (error) {
      throw exhaustedOr(error, `cannot append to the journal in ${this.#dir}`);
    }
    this.#facts.apply(event, shimSeq);
    this.#tail.push(event);
    if (this.#tail.length >= 2 * TAIL) this.#tail = this.#tail.slice(-TAIL);
    return event;
  }

  /**
   * Returns the events after seq `after`, at most `limit`, in order: from memory, or from the
   * files, of which only a little is in memory at a time. Where `after` is older than what is kept,
   * from the oldest on. Fewer than `limit` does not mean that there are no more: compare with
   * {@linkcode latest}.
   */
  read(after: number, limit: number): readonly Event[] {
    const from = Math.max(after + 1, this.oldest);
    if (from > this.latest) return [];
    const inMemory = this.#tail[0]?.seq ?? Infinity;
    if (from >= inMemory) return this.#tail.slice(from - inMemory, from - inMemory + limit);
    const index = this.#segments.findLastIndex((segment) => segment.first <= from);
    const events: Event[] = [];
    for (const segment of this.#segments.slice(Math.max(index, 0))) {
      let lines: string[];
      // Damaged in the middle, which no crash does: the others are still worth having.
      for (let at = Math.max(from, segment.first); events.length === 0; at += lines.length) {
        lines = segment.read(at, limit);
        if (lines.length === 0) break;
        for (const text of lines) {
          const line = parseLine(text);
          if (line !== undefined) events.push(line.event);
        }
      }
      if (events.length > 0) break;
    }
    return events;
  }

  /** Returns a copy of the state of an instance by the events so far. */
  facts(instance: string): InstanceState {
    return this.#facts.get(instance);
  }

  [Symbol.dispose](): void {
    for (const segment of this.#segments) segment[Symbol.dispose]();
  }

  get #newest(): Segment {
    const newest = this.#segments.at(-1);
    if (newest === undefined) throw new Error("the journal has no segment");
    return newest;
  }

  /** Begins another file. The oldest goes first: it may be what fills the disk. */
  #rotate(): void {
    while (this.#segments.length >= this.#options.segments && this.#segments.length > 1) {
      this.#segments[0]?.remove();
      this.#segments.shift();
    }
    const full = this.#newest;
    this.#begin(full.next);
    full[Symbol.dispose]();
    this.#removeOldFacts();
  }

  /** Begins a file, with the facts of before beside it. The segment makes them count, so it comes last. */
  #begin(first: number): void {
    const path = factsPath({ path: Segment.pathOf(this.#dir, first) });
    writeAtomic(path, this.#facts.serialize());
    this.#segments.push(Segment.create(this.#dir, first));
  }

  #removeOldFacts(): void {
    const current = factsPath(this.#newest);
    for (const { name } of Deno.readDirSync(this.#dir)) {
      const path = `${this.#dir}/${name}`;
      if (/\.facts(\.tmp)?$/.test(name) && path !== current) Deno.removeSync(path);
    }
  }
}

function factsPath({ path }: { readonly path: string }): string {
  return path.replace(/jsonl$/, "facts");
}

function readFacts(path: string): InstanceSnapshots | undefined {
  return ifThere(() => InstanceSnapshots.parse(Deno.readTextFileSync(path)));
}

/** Applies every event of a segment. */
function replay(segment: Segment, facts: InstanceSnapshots): void {
  const batch = 256;
  for (let from = segment.first;; from += batch) {
    const lines = segment.read(from, batch);
    for (const text of lines) {
      const line = parseLine(text);
      if (line !== undefined) facts.apply(line.event, line.shimSeq);
    }
    if (lines.length < batch) return;
  }
}

/** Undefined where it is damaged. Only the journal writes these, so no more is checked. */
function parseLine(text: string): JournalLine | undefined {
  try {
    const line: JournalLine = JSON.parse(text);
    return typeof line?.event?.seq === "number" ? line : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
