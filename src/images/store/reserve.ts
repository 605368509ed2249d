// SPDX-License-Identifier: MIT
// Disk space that is kept for the removal of images.
import { exists } from "../../linux/fs/exists.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { isExhausted } from "../../linux/libc/errno.ts";

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

  /** Frees the room that was reserved; returns whether there was some. The next command reserves anew. */
  spend(): boolean {
    const reserved = exists(this.#path);
    removeFile(this.#path);
    return reserved;
  }
}
