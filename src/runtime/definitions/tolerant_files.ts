// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { writeDurably } from "../../linux/fs/write_atomic.ts";
import { logFailure } from "../util/log_failure.ts";

/**
 * Writes the files of definitions, of each id its own. A failure is logged once, and the text is kept in
 * memory until the next write of the id, which writes it, too.
 */
export class TolerantFiles {
  /** The text of files by their paths, for each id. */
  readonly #unwritten = new Map<string, Map<string, string>>();

  /** Writes a file, after those that the disk has not taken before. */
  write(id: string, path: string, text: string): void {
    const before = this.#unwritten.get(id);
    const files = before ?? new Map<string, string>();
    files.set(path, text);
    this.#unwritten.set(id, files);
    try {
      for (const [file, content] of files) {
        failpoint("definition.write");
        writeDurably(file, content);
        files.delete(file);
      }
      this.#unwritten.delete(id);
    } catch (error) {
      if (before === undefined) logUnwritten(id, error);
    }
  }

  /** Returns the text of a file that the disk has not taken; undefined where the file has all. */
  unwritten(id: string, path: string): string | undefined {
    return this.#unwritten.get(id)?.get(path);
  }

  /** Forgets the files that the disk has not taken. */
  forget(id: string): void {
    this.#unwritten.delete(id);
  }
}

/** Logs that the disk does not take the definition of a container. */
export function logUnwritten(id: string, error: unknown): void {
  logFailure("error", "container", "{id}: cannot write its definition: {reason}", error, { id });
}
