// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { OwnedFd, write } from "../../linux/fd/fd.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { rotatedNumbers } from "../../oci/log_layout.ts";
import { openOutputFile } from "../stdio/output_file.ts";

const NEWLINE = 10;

/** Path of a log file, and when it is rotated. */
export interface LogFileOptions {
  readonly path: string;
  /** Size in bytes beyond which the file is rotated; `Infinity` for never. */
  readonly maxSize: number;
  /** How many files are kept, the current one included. */
  readonly maxFile: number;
}

/**
 * A log file that is appended to and rotated. `<path>` is the current file; a full one is renamed to
 * `<path>.<number>` and the next one begun. Numbers grow by one, so that a reader can tell which file
 * comes next, and whether it has missed any. Whenever the process is killed in between, the next
 * one goes on from what is there.
 */
export class LogFile implements Disposable {
  readonly #options: LogFileOptions;
  #file: OwnedFd | undefined;
  #size = 0;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  /**
   * Opens the current file, which is made if it is missing, as are its parents.
   *
   * @throws {LinuxError} ENOSPC, …
   */
  open(): void {
    if (this.#file !== undefined) return;
    const { path, maxSize } = this.#options;
    using file = new OwnedFd(openOutputFile(path));
    this.#size = Deno.statSync(`/proc/self/fd/${file.fd}`).size;
    // A writer that was killed may have left a part of a record, which must not swallow the next.
    if (Number.isFinite(maxSize) && this.#size > 0 && !endsInNewline(path, this.#size)) {
      this.#size += write(file.fd, Uint8Array.of(NEWLINE));
    }
    this.#file = new OwnedFd(file.release());
  }

  /**
   * Rotates the file if `length` more bytes would make it too large. To be called between records.
   *
   * @throws {LinuxError} ENOSPC, …; it may be called again.
   */
  makeRoom(length: number): void {
    this.open();
    const { path, maxSize, maxFile } = this.#options;
    if (this.#size === 0 || this.#size + length <= maxSize) return;
    const rotated = rotatedNumbers(path);
    const number = (rotated.at(-1) ?? 0) + 1;
    failpoint("log.rotate");
    this.#rename(`${path}.${number}`);
    failpoint("log.renamed");
    this[Symbol.dispose]();
    for (const old of [...rotated, number].slice(0, -(maxFile - 1) || undefined)) {
      removeFile(`${path}.${old}`);
    }
    failpoint("log.removed");
    this.open();
    failpoint("log.begun");
  }

  #rename(to: string): void {
    // Where the file was removed, what follows begins a file of its own.
    ifThere(() => Deno.renameSync(this.#options.path, to));
  }

  /**
   * Appends `bytes`; returns how many of them, which may be fewer where the disk becomes full.
   *
   * @throws {LinuxError} ENOSPC, EDQUOT, EIO, …
   */
  append(bytes: Uint8Array<ArrayBuffer>): number {
    this.open();
    const count = write(this.#file!.fd, bytes);
    this.#size += count;
    return count;
  }

  /** Closes the current file. */
  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }
}

function endsInNewline(path: string, size: number): boolean {
  using file = Deno.openSync(path, { read: true });
  file.seekSync(size - 1, Deno.SeekMode.Start);
  const last = new Uint8Array(1);
  return file.readSync(last) !== 1 || last[0] === NEWLINE;
}
