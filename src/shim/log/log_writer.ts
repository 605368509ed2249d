// SPDX-License-Identifier: MIT
import { backoff } from "../../linux/event_loop/backoff.ts";
import { EAGAIN, isErrno } from "../../linux/libc/errno.ts";
import type { LogRecord } from "../../oci/bundle_layout.ts";
import { CriEncoder, type LogStream } from "./cri_format.ts";
import { LogFile } from "./log_file.ts";

const NEWLINE = 10;

/** Bytes encoded at a time, which is also the smallest size that a log file may be given. */
const BUFFER = 64 * 1024;

/** How long apart a failed write is repeated, in milliseconds: at first, and at most. */
const RETRY = { first: 50, most: 1000 };

/** The log to write to, and where its failures are reported. */
export interface LogWriterOptions {
  readonly log: LogRecord;
  /** Writes a line for a person to read. */
  readonly report: (message: string) => void;
}

/** A write that has begun. */
interface PendingWrite {
  readonly stream: LogStream;
  readonly input: Uint8Array<ArrayBuffer>;
  /** Number of bytes of the input that are encoded. */
  encoded: number;
  /** The encoded records, of which the first `written` bytes are in the file. */
  output: Uint8Array<ArrayBuffer>;
  written: number;
  /**
   * Position in the output at which the file may be rotated: behind the record that continues a
   * line.
   */
  roomAt: number;
}

/**
 * Writes the output of one container to its log. Nothing is kept in memory: when a write is done its
 * bytes are in the file. Where the file takes no more, a full disk say, the write is repeated until
 * it succeeds; the caller waits meanwhile, and by that the container.
 */
export class LogWriter implements Disposable {
  readonly #report: (message: string) => void;
  readonly #path: string;
  readonly #encoder: CriEncoder | undefined;
  /** Undefined where the output is discarded. */
  readonly #file: LogFile | undefined;
  readonly #closed = new AbortController();
  #buffer = new Uint8Array(0);
  /** Streams whose last record was partial. */
  readonly #midLine = new Set<LogStream>();
  #pending: PendingWrite | undefined;
  #retrying: Promise<void> | undefined;

  constructor({ log: { driver, path, maxSize, maxFile }, report }: LogWriterOptions) {
    this.#report = report;
    this.#path = path;
    this.#encoder = driver === "cri" ? new CriEncoder() : undefined;
    if (driver === "cri") this.#file = new LogFile({ path, maxSize, maxFile });
    else if (driver === "raw") this.#file = new LogFile({ path, maxSize: Infinity, maxFile });
  }

  /**
   * Opens the log file, so that it is there from the beginning.
   *
   * @throws {LinuxError} ENOENT, EACCES, ENOSPC, …
   */
  open(): void {
    this.#file?.open();
  }

  /** Whether a failed write is being repeated. */
  get isStuck(): boolean {
    return this.#retrying !== undefined;
  }

  /**
   * Writes what a stream has brought. Returns undefined when that is done, else a promise that is
   * resolved when it is; until then `input` must not change.
   */
  write(stream: LogStream, input: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#file === undefined || this.#closed.signal.aborted) return undefined;
    if (this.#retrying !== undefined) {
      return this.#retrying.then(() => this.write(stream, input));
    }
    this.#pending = { stream, input, encoded: 0, output: new Uint8Array(0), written: 0, roomAt: 0 };
    try {
      this.#advance(this.#file, this.#pending);
    } catch (error) {
      return this.#retrying = this.#retry(this.#file, this.#pending, error);
    }
    this.#pending = undefined;
    return undefined;
  }

  /** Continues a write until it is complete or throws. */
  #advance(file: LogFile, pending: PendingWrite): void {
    for (;;) {
      const { output, written } = pending;
      if (written < output.length) {
        // Between lines only: a record that has begun is brought to its end in its file, and so is a
        // line, or the oldest file that is kept would begin within one.
        if (written === pending.roomAt) file.makeRoom(output.length - written);
        const end = written < pending.roomAt ? pending.roomAt : output.length;
        pending.written += file.append(output.subarray(written, end));
      } else if (pending.encoded < pending.input.length) {
        this.#encode(pending);
      } else {
        return;
      }
    }
  }

  #encode(pending: PendingWrite): void {
    pending.written = 0;
    pending.roomAt = 0;
    if (this.#encoder === undefined) {
      pending.encoded = pending.input.length;
      pending.output = pending.input;
      return;
    }
    // Where there is little output, a small buffer does.
    const wanted = Math.min(BUFFER, 24 * 1024 + pending.input.length);
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    const { stream, input, encoded } = pending;
    const { next, length } = this.#encoder.encode(stream, input, encoded, this.#buffer);
    pending.encoded = next;
    pending.output = this.#buffer.subarray(0, length);
    if (this.#midLine.has(stream)) pending.roomAt = pending.output.indexOf(NEWLINE) + 1;
    if (input[next - 1] === NEWLINE) this.#midLine.delete(stream);
    else this.#midLine.add(stream);
  }

  /** Repeats a write until it succeeds or the log is closed; never rejects. */
  async #retry(file: LogFile, pending: PendingWrite, cause: unknown): Promise<void> {
    const { signal } = this.#closed;
    // EAGAIN: what is written to is a terminal, or the like, that is full.
    const isError = !isErrno(cause, EAGAIN);
    if (isError) this.#report(`cannot write ${this.#path}, so the container waits: ${cause}`);
    for (const delay of backoff(RETRY)) {
      if (!await delay(signal)) return;
      try {
        this.#advance(file, pending);
        break;
      } catch {
        // The same error again, which is reported already, or the log was closed.
        if (signal.aborted) return;
      }
    }
    if (isError) this.#report(`${this.#path} is written again`);
    this.#pending = undefined;
    this.#retrying = undefined;
  }

  /** Closes the log. A write that is being repeated is tried once more; what fails then is lost. */
  [Symbol.dispose](): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    if (this.#file === undefined) return;
    try {
      if (this.#pending !== undefined) this.#advance(this.#file, this.#pending);
    } catch (error) {
      this.#report(`output is missing at the end of ${this.#path}: ${error}`);
    }
    this.#pending = undefined;
    this.#file[Symbol.dispose]();
  }
}
