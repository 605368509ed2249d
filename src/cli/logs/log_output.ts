// SPDX-License-Identifier: MIT
import { parentDir } from "../../linux/fs/path_names.ts";
import { type Output, type OutputEnd, unwritable, writeToSink } from "../process_io/output.ts";
import { CriPrinter, type PrintOptions } from "./cri_printer.ts";
import { LogFiles } from "./log_files.ts";
import { type LogPosition, tailPosition } from "./tail_position.ts";

/** Bytes read at a time. */
const CHUNK = 256 * 1024;

/** Where the printing of a log begins. */
export interface LogOutputOptions extends PrintOptions {
  /** Number of last lines to print first; the whole log if omitted. */
  readonly tail?: number | undefined;
  /** Whether to begin with what is written from now on, even in the middle of a line. */
  readonly fromNow?: boolean;
  /** Called where files were removed before they could be read. */
  readonly onGap?: () => void;
}

/**
 * Prints a log of CRI records, across rotations, and what is appended to it until {@linkcode drain} is
 * called: stdout to standard output, stderr to standard error.
 */
export class LogOutput implements Output {
  readonly ended: Promise<OutputEnd>;
  readonly #path: string;
  readonly #files: LogFiles;
  readonly #printer: CriPrinter;
  readonly #onGap: () => void;
  #exited = false;
  readonly #wakers = new Set<() => void>();

  /**
   * Opens the log at `path` and begins to print.
   *
   * @throws {Deno.errors.NotFound} if there is none.
   */
  constructor(path: string, options: LogOutputOptions = {}) {
    this.#path = path;
    this.#onGap = options.onGap ?? (() => {});
    this.#printer = new CriPrinter(
      options,
      (stream, bytes) => writeToSink(stream === "stdout" ? Deno.stdout : Deno.stderr, bytes),
    );
    this.#files = LogFiles.open(path);
    const at = this.#begin(options);
    for (let skipped = 0; skipped < at.index; skipped++) this.#files.closeFirst();
    for (const [index, { file }] of this.#files.files.entries()) {
      file.seekSync(index === 0 ? at.offset : 0, Deno.SeekMode.Start);
    }
    this.ended = this.#copy();
  }

  async drain(): Promise<void> {
    this.#exited = true;
    this.#wake();
    await this.ended;
  }

  #begin({ tail, fromNow, stream }: LogOutputOptions): LogPosition {
    const { files } = this.#files;
    if (fromNow) {
      const index = files.length - 1;
      return { index, offset: files[index]?.file.statSync().size ?? 0 };
    }
    return tail === undefined ? { index: 0, offset: 0 } : tailPosition(files, tail, stream);
  }

  async #copy(): Promise<OutputEnd> {
    using files = this.#files;
    using watcher = Deno.watchFs(parentDir(this.#path) || "/", { recursive: false });
    this.#openOnChange(watcher);
    try {
      await this.#copyFiles(files);
      await this.#printer.end();
      return "eof";
    } catch (error) {
      return unwritable(Deno.stdout, error);
    }
  }

  async #copyFiles(files: LogFiles): Promise<void> {
    const buffer = new Uint8Array(CHUNK);
    while (!this.#printer.isOver) {
      const changed = this.#changed();
      const ending = this.#exited;
      if (ending) this.#openNew();
      // Asked before the read: what follows was begun when nothing came to this file any more.
      const hasNext = files.files.length > 1;
      const file = files.files[0]?.file;
      if (file !== undefined) await this.#readToEnd(file, buffer);
      if (hasNext) {
        this.#printer.endFile();
        files.closeFirst();
      } else if (ending) {
        return;
      } else {
        await changed;
      }
    }
  }

  async #readToEnd(file: Deno.FsFile, buffer: Uint8Array<ArrayBuffer>): Promise<void> {
    while (!this.#printer.isOver) {
      const count = await file.read(buffer);
      if (count === null) return;
      await this.#printer.feed(buffer.subarray(0, count));
    }
  }

  /** Opens each new file as soon as it is there, however slow the printing is. */
  async #openOnChange(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const _ of watcher) {
        this.#openNew();
        this.#wake();
      }
    } catch {
      // The watcher was closed under the loop: printing is over.
    }
  }

  #openNew(): void {
    if (!this.#files.openNew()) this.#onGap();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wakers.add(resolve));
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }
}
