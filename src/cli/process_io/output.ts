// SPDX-License-Identifier: MIT
// Copies the output of a process to the caller.
import { sleep } from "../../linux/event_loop/timer.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { CliError } from "../common/exit_status.ts";
import { errorLine } from "../text/format.ts";
import { follow } from "../common/tail.ts";

/** Bytes copied at a time: a pipe's capacity (pipe(7)). */
const CHUNK = 64 * 1024;

/** How long output is copied that others write after the exit, ms; as docker does. */
const DRAIN_MS = 2000;

/** How often, in ms, a drain looks whether output has gone quiet. */
const DRAIN_STEP = 20;

/** How long after the exit a shim may still copy what a pty holds to a log, ms of silence. */
export const PTY_LINGER_MS = 200;

/** Where output goes: standard output or error of this process. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** How the copying of an output ended: all was copied, or the sink takes no more. */
export type OutputEnd = "eof" | "unwritable";

/** Output of a process on its way to a sink. */
export interface Output {
  /** Resolves when nothing more is copied. */
  readonly ended: Promise<OutputEnd>;
  /**
   * Waits until everything is copied that the process, which has exited, wrote. Output that another
   * process still holds open is given up after `quietMs` without a byte, and after {@linkcode DRAIN_MS}
   * where that process goes on writing.
   */
  drain(quietMs: number): Promise<void>;
}

/** Writes everything. Throws `BrokenPipe` if the sink has no reader any more. */
export async function writeToSink(sink: Sink, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    try {
      done += await sink.write(bytes.subarray(done));
    } catch (error) {
      // Another process that shares the pipe may have made it non-blocking.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await sleep(5);
    }
  }
}

/** Returns `unwritable` if the reader of an output has gone; throws any other error of a write. */
export function unwritable(sink: Sink, error: unknown): "unwritable" {
  if (error instanceof Deno.errors.BrokenPipe) return "unwritable";
  const name = sink === Deno.stderr ? "standard error" : "standard output";
  throw new CliError(`cannot write ${name}: ${errorLine(error)}`, { cause: error });
}

/** Reads from a file; null at its end, and also when it is closed under the read. */
async function readUntilClosed(file: Deno.FsFile, buffer: Uint8Array): Promise<number | null> {
  try {
    return await file.read(buffer);
  } catch (error) {
    if (error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource) {
      return null;
    }
    throw error;
  }
}

/** Copies a FIFO's reading end to a sink. */
export class PipeOutput implements Output {
  readonly ended: Promise<OutputEnd>;
  /** Since when the pending read has waited; undefined while a write is under way. */
  #waitingSince: number | undefined;
  /** When the process was known to have exited. */
  #exitedAt = Infinity;
  /** Whether everything is copied that was written before the exit. */
  #isCaughtUp = false;
  #copiedSince = 0;

  constructor(from: Deno.FsFile, sink: Sink) {
    this.ended = this.#copy(from, sink);
  }

  async #copy(from: Deno.FsFile, sink: Sink): Promise<OutputEnd> {
    const buffer = new Uint8Array(CHUNK);
    while (true) {
      const since = this.#waitingSince = performance.now();
      const length = await readUntilClosed(from, buffer);
      this.#waitingSince = undefined;
      if (length === null) return "eof";
      try {
        await writeToSink(sink, buffer.subarray(0, length));
      } catch (error) {
        return unwritable(sink, error);
      }
      if (since < this.#exitedAt) continue;
      // A read that could have got more has emptied the pipe; and it held no more than a chunk.
      this.#copiedSince += length;
      if (length < CHUNK || this.#copiedSince > CHUNK) this.#isCaughtUp = true;
    }
  }

  async drain(quietMs: number): Promise<void> {
    let over = false;
    this.#exitedAt = performance.now();
    const ended = this.ended.then(() => over = true);
    // Counted in looks, not by the clock: a process that got no CPU time has seen no silence.
    let looks = Math.ceil(quietMs / DRAIN_STEP);
    for (let before = NaN; !over && looks > 0 && !this.#isOverdue;) {
      const since = this.#waitingSince;
      if (since === before) looks--;
      else looks = Math.ceil(quietMs / DRAIN_STEP);
      before = since ?? NaN;
      await withTimeout(ended, DRAIN_STEP);
    }
  }

  get #isOverdue(): boolean {
    return this.#isCaughtUp && performance.now() - this.#exitedAt > DRAIN_MS;
  }
}

/** Copies a file to a sink as it grows, from the file's position on. */
export class FileOutput implements Output {
  readonly ended: Promise<OutputEnd>;
  readonly #exited = new AbortController();

  /** @param lingerMs The time that the file may still grow after the exit, for a shim that copies a pty. */
  constructor(file: Deno.FsFile, path: string, sink: Sink, lingerMs: number) {
    this.ended = this.#copy(file, path, sink, lingerMs);
  }

  async #copy(file: Deno.FsFile, path: string, sink: Sink, lingerMs: number): Promise<OutputEnd> {
    for await (const chunk of follow(file, path, { signal: this.#exited.signal, lingerMs })) {
      try {
        await writeToSink(sink, chunk);
      } catch (error) {
        return unwritable(sink, error);
      }
    }
    return "eof";
  }

  async drain(): Promise<void> {
    this.#exited.abort();
    await this.ended;
  }
}
