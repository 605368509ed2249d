// SPDX-License-Identifier: MIT
import { FileLock } from "../../linux/fd/file_lock.ts";
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { errnoNameOf, isRefused } from "../../linux/libc/errno.ts";
import { OWN_DIR_KINDS, removeEmptyDir } from "../../oci/own_dirs_layout.ts";

/**
 * The removal of leftovers of containers. The directories of a container that is being created are
 * locked by its command until the daemon knows of that container; they stay. The others are locked here
 * before the daemon is asked, so that its answer says of each path whose it is.
 */
export class OrphanRemoval implements Disposable {
  readonly #locks = new DisposableStack();
  /** The paths to remove, by the path that was given. */
  readonly #parts = new Map<string, readonly string[]>();

  /** Locks what is at these paths. */
  constructor(paths: readonly string[]) {
    for (const path of paths) this.#parts.set(path, this.#lock(path));
  }

  /** Returns what can be removed of a path: of the directories of an id those that nobody has locked. */
  #lock(path: string): string[] {
    const [kind] = path.split("/").slice(-2);
    if (!OWN_DIR_KINDS.some((one) => one === kind)) return [path];
    return entriesOf(path)?.filter(({ name, isDirectory }) => {
      return !isDirectory || this.#tryLock(`${path}/${name}`);
    }).map(({ name }) => `${path}/${name}`) ?? [path];
  }

  #tryLock(dir: string): boolean {
    try {
      const lock = FileLock.tryLock(dir, { directory: true });
      if (lock !== undefined) this.#locks.use(lock);
      return lock !== undefined;
    } catch (error) {
      // Somebody has removed it, or this user may not.
      if (errnoNameOf(error) === "ENOENT" || isRefused(error)) return false;
      throw error;
    }
  }

  /** Removes what is left at a path, and the directory of its id above when that is empty. */
  remove(path: string): void {
    const parts = this.#parts.get(path) ?? [];
    for (const part of parts) removeTree(part);
    if (!parts.includes(path)) removeEmptyDir(path);
  }

  [Symbol.dispose](): void {
    this.#locks[Symbol.dispose]();
  }
}

/** Returns what is in a directory, as far as this user may look; undefined if it is none. */
function entriesOf(dir: string): Deno.DirEntry[] | undefined {
  try {
    return dirEntries(dir);
  } catch (error) {
    if (isRefused(error)) return [];
    if (errnoNameOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
