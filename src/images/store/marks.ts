// SPDX-License-Identifier: MIT
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { hexName } from "../reference.ts";

/** The images that are to be removed when nobody uses the store, unless they have a name by then. */
export class RemovalMarks {
  readonly #dir: string;

  /** @param dir Holds an empty file for each; made with the first. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Marks the image of that id. */
  add(id: string): void {
    Deno.mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(`${this.#dir}/${hexName(id)}`, "", { mode: 0o600 });
  }

  /** Takes the mark off an image that is gone, or that stays. */
  remove(id: string): void {
    removeFile(`${this.#dir}/${hexName(id)}`);
  }

  /** Returns the ids of the images that are marked. */
  list(): string[] {
    return dirEntries(this.#dir).map(({ name }) => name);
  }
}
