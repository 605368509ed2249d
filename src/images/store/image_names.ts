// SPDX-License-Identifier: MIT
import { FileLock } from "../../linux/fd/file_lock.ts";
import { writeDurably } from "../../linux/fs/write_atomic.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { readList } from "./read_list.ts";

/** A name and its image. */
export interface NamedImage {
  readonly name: string;
  /** The image's id. */
  readonly id: string;
  /** When it was pulled under this name, RFC 3339. */
  readonly pulledAt: string;
}

/**
 * The names that people gave to images. They are kept apart from the names in the store: skopeo can only
 * remove all of those that an image has.
 */
export class ImageNames {
  readonly #path: string;

  /** @param path The file of the names, as JSON. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Returns every name with its image, in the order of names. */
  list(): NamedImage[] {
    return [...this.#read()]
      .map(([name, entry]) => ({ name, ...entry }))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Returns the image that has the name. */
  get(name: string): NamedImage | undefined {
    const entry = this.#read().get(name);
    return entry && { name, ...entry };
  }

  /** Gives an image names, which others may have had. */
  async set(given: readonly string[], id: string): Promise<void> {
    const pulledAt = new Date().toISOString();
    await this.#change((names) => {
      for (const name of given) {
        names.delete(name);
        names.set(name, { id, pulledAt });
      }
    });
  }

  /** Takes names away. */
  async remove(gone: readonly string[]): Promise<void> {
    if (gone.length === 0) return;
    await this.#change((names) => gone.forEach((name) => names.delete(name)));
  }

  async #change(
    change: (names: Map<string, { id: string; pulledAt: string }>) => void,
  ): Promise<void> {
    using _lock = await FileLock.lock(`${this.#path}.lock`);
    const names = this.#read();
    change(names);
    writeDurably(this.#path, JSON.stringify([...names], undefined, 2));
  }

  #read(): Map<string, { id: string; pulledAt: string }> {
    const names = new Map<string, { id: string; pulledAt: string }>();
    for (const [name, entry] of readList(this.#path).filter(Array.isArray)) {
      if (typeof name !== "string" || !isRecord(entry)) continue;
      names.set(name, { id: String(entry["id"]), pulledAt: String(entry["pulledAt"]) });
    }
    return names;
  }
}
