// SPDX-License-Identifier: MIT
// Room on the disk that is kept for removals.
import { exists } from "../../linux/fs/exists.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { DiskFullError } from "../image_errors.ts";

/** Bytes kept for the removal of images on a full disk, which writes each list anew. */
const RESERVE = 1024 * 1024;

/** A file that keeps room on the disk for the removal of images. */
export class Reserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reserves the room, as far as there is room. */
  keep(): void {
    if (tryStat(this.#path)?.size === RESERVE) return;
    try {
      Deno.writeFileSync(this.#path, new Uint8Array(RESERVE));
    } catch (error) {
      if (!isExhausted(error)) throw error;
      // As much as there was room for: others need it more.
      removeFile(this.#path);
    }
  }

  /** Does a step that needs room. On a full disk repeats it in the room that was reserved. */
  async use<T>(step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!isFull(error) || !this.spend()) throw error;
      return await step();
    }
  }

  /** Frees the room that was reserved; returns whether there was some. The next command reserves anew. */
  spend(): boolean {
    const reserved = exists(this.#path);
    removeFile(this.#path);
    return reserved;
  }
}

/** Returns whether a step failed because disk space, fds or memory have run out. */
export function isFull(error: unknown): boolean {
  return isExhausted(error) || error instanceof DiskFullError;
}
