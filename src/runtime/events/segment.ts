// SPDX-License-Identifier: MIT

const NEWLINE = 10;
/** The offset is kept of one line in so many, so that a read can begin near its event. */
const STRIDE = 64;
/** How much of a file is in memory at once while it is read, in bytes; more for a longer line. */
const CHUNK = 64 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Digits of a seq in a file name: names then sort as the seqs do. */
const DIGITS = 16;

/**
 * One file of the journal: a line of JSON per event, nothing else. Its name says the seq of its
 * first line, which it has to come to even if it is empty, and line n holds the event of seq first+n.
 */
export class Segment implements Disposable {
  /** The seq of the first line. */
  readonly first: number;
  readonly path: string;
  /** Offset of line n·STRIDE at n, once the file was looked through. */
  #marks: number[] | undefined;
  #count = 0;
  #size = 0;
  #writer: Deno.FsFile | undefined;
  /** Half a line may stand after #size, of a write that failed. */
  #torn = false;

  private constructor(path: string, first: number) {
    this.path = path;
    this.first = first;
  }

  /** Returns the file of the segment whose first line is that of seq `first`. */
  static pathOf(dir: string, first: number): string {
    return `${dir}/${String(first).padStart(DIGITS, "0")}.jsonl`;
  }

  /** Returns the segments in a directory, lowest seq first. */
  static list(dir: string): Segment[] {
    const found: Segment[] = [];
    for (const { name } of Deno.readDirSync(dir)) {
      const match = /^(\d+)\.jsonl$/.exec(name);
      if (match) found.push(new Segment(`${dir}/${name}`, Number(match[1])));
    }
    return found.sort((a, b) => a.first - b.first);
  }

  /**
   * Makes an empty segment and opens it for appending.
   *
   * @throws {Deno.errors.AlreadyExists} if it is there.
   */
  static create(dir: string, first: number): Segment {
    const segment = new Segment(Segment.pathOf(dir, first), first);
    segment.#marks = [];
    segment.#writer = Deno.openSync(segment.path, { createNew: true, append: true, mode: 0o600 });
    return segment;
  }

  /** Length of the file in bytes, once it was opened for appending. */
  get size(): number {
    return this.#size;
  }

  /** The seq of the line that would be appended next, once it was opened for appending. */
  get next(): number {
    return this.first + this.#count;
  }

  /**
   * Opens an existing segment for appending and gives each of its lines to `onLine`, which says
   * whether it is whole. A last line that is not, as a crash in the middle of a write leaves it, is
   * cut off.
   */
  resume(onLine: (line: string) => boolean): void {
    this.#writer = Deno.openSync(this.path, { append: true });
    const marks: number[] = [];
    let lastOffset = 0;
    let lastIsWhole = true;
    this.#size = 0;
    this.#count = 0;
    this.#scan(0, (line, offset) => {
      if (this.#count % STRIDE === 0) marks.push(offset);
      lastOffset = offset;
      lastIsWhole = onLine(decoder.decode(line));
      this.#size = offset + line.length + 1;
      this.#count++;
      return true;
    });
    if (!lastIsWhole) {
      this.#size = lastOffset;
      this.#count--;
      if (this.#count % STRIDE === 0) marks.pop();
    }
    this.#marks = marks;
    if (this.#writer.statSync().size > this.#size) this.#writer.truncateSync(this.#size);
  }

  /**
   * Appends a line, given without its newline. What was written of it is taken back when it throws.
   *
   * @throws errors of the file system, ENOSPC among them
   */
  append(text: string): void {
    const writer = this.#writer;
    if (writer === undefined) throw new Error(`${this.path} is not open for appending`);
    if (this.#torn) {
      writer.truncateSync(this.#size);
      this.#torn = false;
    }
    const line = encoder.encode(`${text}\n`);
    this.#torn = true;
    for (let rest = line; rest.length > 0;) rest = rest.subarray(writer.writeSync(rest));
    this.#torn = false;
    if (this.#count % STRIDE === 0) this.#marks?.push(this.#size);
    this.#size += line.length;
    this.#count++;
  }

  /**
   * Returns the lines of seq `from` and on, at most `limit`; none where the segment ends before.
   */
  read(from: number, limit: number): string[] {
    const lines: string[] = [];
    const marks = this.#marks ??= this.#findMarks();
    const mark = Math.min(Math.floor((from - this.first) / STRIDE), marks.length - 1);
    if (mark < 0) return lines;
    let seq = this.first + mark * STRIDE;
    this.#scan(marks[mark] ?? 0, (line) => {
      if (seq++ >= from) lines.push(decoder.decode(line));
      return lines.length < limit;
    });
    return lines;
  }

  /** Removes the file. */
  remove(): void {
    this[Symbol.dispose]();
    Deno.removeSync(this.path);
  }

  [Symbol.dispose](): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  #findMarks(): number[] {
    const marks: number[] = [];
    let count = 0;
    this.#scan(0, (_line, offset) => {
      if (count++ % STRIDE === 0) marks.push(offset);
      return true;
    });
    return marks;
  }

  /** Calls `onLine` with each whole line from `offset` on, until it returns false. */
  #scan(offset: number, onLine: (line: Uint8Array, offset: number) => boolean): void {
    using file = Deno.openSync(this.path);
    file.seekSync(offset, Deno.SeekMode.Start);
    // Bytes that belong to the end of the file but are no whole line yet are never given out.
    let buffer = new Uint8Array(CHUNK);
    let length = 0;
    for (;;) {
      if (length === buffer.length) {
        const larger = new Uint8Array(buffer.length * 2);
        larger.set(buffer);
        buffer = larger;
      }
      const count = file.readSync(buffer.subarray(length));
      if (count === null) return;
      // The bytes before were searched in the round before.
      let from = length;
      let start = 0;
      length += count;
      for (;;) {
        const end = buffer.subarray(0, length).indexOf(NEWLINE, from);
        if (end < 0) break;
        if (!onLine(buffer.subarray(start, end), offset)) return;
        offset += end + 1 - start;
        start = from = end + 1;
      }
      buffer.copyWithin(0, start, length);
      length -= start;
    }
  }
}
