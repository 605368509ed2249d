// SPDX-License-Identifier: MIT
// Prints the records of a CRI log, chosen by stream and time.
import { concat } from "../../concat.ts";

/** Chooses the records that are printed, and their form. */
export interface PrintOptions {
  /** Only records of this stream. */
  readonly stream?: "stdout" | "stderr" | undefined;
  /** Only records from this time on, milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Only records up to this time, milliseconds since 1970. */
  readonly until?: number | undefined;
  /** Puts the time before each line. */
  readonly timestamps?: boolean | undefined;
  /** Put before each line. */
  readonly prefix?: string | undefined;
}

/** Prints bytes on a stream. */
export type Print = (stream: "stdout" | "stderr", bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

const SPACE = 32, NEWLINE = 10, TAG_PARTIAL = 80, /* P */ TAG_FULL = 70 /* F */;
/** The letter by which the streams differ, and where it stands in their names. */
const LETTER_AT = 3, LETTER_OUT = 111, /* o */ LETTER_ERR = 101 /* e */;
/** Bytes between time and content: ` stdout F `. */
const AFTER_TIME = 10;
/** A time is not longer. */
const MAX_TIME = 40;
/** Bytes that are printed at once. */
const BUFFER = 256 * 1024;
/** The longest line that is kept in memory, where lines are printed whole. */
const MAX_LINE = 1024 * 1024;

/** The head of a record. */
export interface RecordHead {
  readonly stream: "stdout" | "stderr";
  readonly partial: boolean;
  /** Where the time ends. */
  readonly timeEnd: number;
}

/** Parses the head of the record at `at`; undefined where there is none. */
export function parseHead(bytes: Uint8Array, at: number, end: number): RecordHead | undefined {
  let timeEnd = at;
  const limit = Math.min(end, at + MAX_TIME);
  while (timeEnd < limit && bytes[timeEnd] !== SPACE) timeEnd++;
  const letter = bytes[timeEnd + 1 + LETTER_AT], tag = bytes[timeEnd + 8];
  const valid = timeEnd > at && timeEnd + AFTER_TIME <= end && bytes[timeEnd] === SPACE &&
    bytes[timeEnd + 7] === SPACE && bytes[timeEnd + 9] === SPACE &&
    (letter === LETTER_OUT || letter === LETTER_ERR) && (tag === TAG_PARTIAL || tag === TAG_FULL);
  if (!valid) return undefined;
  const stream = letter === LETTER_OUT ? "stdout" : "stderr";
  return { stream, partial: tag === TAG_PARTIAL, timeEnd };
}

/** Prints the content of records of the CRI log format. Bytes that are no record are passed over. */
export class CriPrinter {
  readonly #options: PrintOptions;
  readonly #print: Print;
  /** Lines are printed whole where those of several containers are mixed. */
  readonly #whole: boolean;
  readonly #timed: boolean;
  readonly #prefix: Uint8Array;
  #rest = new Uint8Array(0);
  #out = new Uint8Array(BUFFER);
  #length = 0;
  #stream: "stdout" | "stderr" = "stdout";
  /** The part of a line that is kept, by stream. */
  readonly #lines = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
  readonly #midLine = { stdout: false, stderr: false };
  #isOver = false;

  constructor(options: PrintOptions, print: Print) {
    this.#options = options;
    this.#print = print;
    this.#prefix = new TextEncoder().encode(options.prefix ?? "");
    this.#whole = options.prefix !== undefined;
    this.#timed = options.since !== undefined || options.until !== undefined;
  }

  /** Whether a record was later than `until`. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Prints the records in `bytes`; one that is incomplete waits for the rest. */
  async feed(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const input = this.#rest.length === 0 ? bytes : concat([this.#rest, bytes]);
    let at = 0;
    for (let end = input.indexOf(NEWLINE); end >= 0; end = input.indexOf(NEWLINE, at)) {
      if (this.#length + (end - at) + this.#prefix.length + MAX_TIME > this.#out.length) {
        await this.flush();
      }
      const waits = this.#record(input, at, end);
      if (waits !== undefined) await waits;
      at = end + 1;
    }
    this.#rest = input.slice(at);
    await this.flush();
  }

  /** Drops an incomplete record at the end of a file: its writer was killed. */
  endFile(): void {
    this.#rest = new Uint8Array(0);
  }

  /** Prints the lines that were kept, at the end of the log. */
  async end(): Promise<void> {
    await this.flush();
    for (const stream of ["stdout", "stderr"] as const) {
      const line = this.#lines[stream];
      this.#lines[stream] = new Uint8Array(0);
      if (line.length > 0) await this.#print(stream, concat([line, Uint8Array.of(NEWLINE)]));
    }
  }

  #record(input: Uint8Array<ArrayBuffer>, at: number, end: number): Promise<void> | undefined {
    const head = parseHead(input, at, end);
    if (head === undefined) return undefined;
    const { stream, timeEnd } = head;
    if (this.#options.stream !== undefined && stream !== this.#options.stream) return undefined;
    if (this.#timed && !this.#isWanted(input.subarray(at, timeEnd))) return undefined;
    const flushed = stream !== this.#stream && this.#length > 0 ? this.flush() : undefined;
    this.#stream = stream;
    if (flushed !== undefined) return flushed.then(() => this.#put(input, at, end, head));
    this.#put(input, at, end, head);
    return undefined;
  }

  #isWanted(time: Uint8Array): boolean {
    const at = Date.parse(new TextDecoder().decode(time));
    const { since = -Infinity, until = Infinity } = this.#options;
    if (at > until) this.#isOver = true;
    return at >= since && at <= until;
  }

  /** Appends the record from `at` to `end` to what is printed next. */
  #put(
    input: Uint8Array<ArrayBuffer>,
    at: number,
    end: number,
    { stream, partial, timeEnd }: RecordHead,
  ): void {
    if (end - at + this.#prefix.length + MAX_TIME > this.#out.length) {
      this.#out = new Uint8Array(2 * (end - at) + BUFFER);
    }
    if (!this.#midLine[stream]) {
      this.#append(this.#prefix);
      if (this.#options.timestamps) {
        this.#append(input.subarray(at, timeEnd));
        this.#out[this.#length++] = SPACE;
      }
    }
    this.#midLine[stream] = partial;
    const from = timeEnd + AFTER_TIME;
    if (end - from < 64) { for (let i = from; i < end; i++) this.#out[this.#length++] = input[i]!; }
    else this.#append(input.subarray(from, end));
    if (!partial) this.#out[this.#length++] = NEWLINE;
  }

  #append(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Prints what is buffered. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const bytes = this.#out.slice(0, this.#length);
    const stream = this.#stream;
    this.#length = 0;
    if (!this.#whole) return await this.#print(stream, bytes);
    const all = concat([this.#lines[stream], bytes]);
    const end = all.length < MAX_LINE ? all.lastIndexOf(NEWLINE) + 1 : all.length;
    this.#lines[stream] = all.slice(end);
    if (end > 0) await this.#print(stream, all.subarray(0, end));
  }
}
