// SPDX-License-Identifier: MIT
import { ifThere } from "../../linux/fs/if_there.ts";
import { rotatedNumbers } from "../../oci/log_layout.ts";

/** One file of a log, open for reading. */
export interface OpenLogFile {
  readonly file: Deno.FsFile;
  readonly inode: number | null;
  /** Its number where it was rotated; undefined for what was the current file when it was opened. */
  number: number | undefined;
}

/**
 * The files of a log of CRI records: `<path>`, and before it `<path>.1`, `<path>.2`, … with the lowest
 * number the oldest. Files are found and opened in their order, also while they are being rotated; an
 * open one stays readable when it has been removed.
 */
export class LogFiles implements Disposable {
  readonly #path: string;
  readonly #files: OpenLogFile[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Opens every file that is there.
   *
   * @throws {Deno.errors.NotFound} if there is none.
   */
  static open(path: string): LogFiles {
    const files = new LogFiles(path);
    files.#openAfter(0);
    if (files.#files.length === 0) Deno.statSync(path);
    return files;
  }

  /** The open files, the oldest first. */
  get files(): readonly OpenLogFile[] {
    return this.#files;
  }

  /** Closes the oldest file. */
  closeFirst(): void {
    this.#files.shift()?.file.close();
  }

  /**
   * Opens the files that have come since. Returns false where some between them and the last one were
   * removed before they could be opened.
   */
  openNew(): boolean {
    const last = this.#files.at(-1);
    if (last === undefined) return true;
    if (last.number === undefined) {
      if (inodeOf(this.#path) === last.inode) return true;
      last.number = rotatedNumbers(this.#path).find((number) =>
        inodeOf(`${this.#path}.${number}`) === last.inode
      );
    }
    // A file that is not found under any name was rotated and removed.
    if (last.number === undefined) {
      this.#openAfter(0);
      return false;
    }
    const [next] = this.#openAfter(last.number);
    return next?.number === undefined || next.number === last.number + 1;
  }

  /** Opens the rotated files with a higher number, and the current one; returns what was opened. */
  #openAfter(after: number): OpenLogFile[] {
    for (;;) {
      const numbers = rotatedNumbers(this.#path);
      const opened = numbers.filter((number) => number > after)
        .flatMap((number) => openFile(`${this.#path}.${number}`, number));
      // After a rotation there is no current file for a moment; for longer where the disk is full.
      const [current] = openFile(this.#path, undefined);
      if (current !== undefined) opened.push(current);
      // Otherwise a file was rotated meanwhile, and may be missing or there twice.
      const unchanged = String(rotatedNumbers(this.#path)) === String(numbers) &&
        inodeOf(this.#path) === current?.inode;
      const known = new Set(this.#files.map(({ inode }) => inode));
      const wanted = opened.filter(({ inode }) => unchanged && !known.has(inode));
      for (const each of opened) if (!wanted.includes(each)) each.file.close();
      if (!unchanged) continue;
      this.#files.push(...wanted);
      return wanted;
    }
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#files.splice(0)) file.close();
  }
}

function openFile(path: string, number: number | undefined): OpenLogFile[] {
  const file = ifThere(() => Deno.openSync(path, { read: true }));
  return file === undefined ? [] : [{ file, inode: file.statSync().ino, number }];
}

function inodeOf(path: string): number | null | undefined {
  return ifThere(() => Deno.statSync(path).ino);
}
