// SPDX-License-Identifier: MIT
import { removeTree } from "../linux/fs/remove_tree.ts";

/**
 * The kinds of directories that belong to one container beside its log: each is
 * `<root>/<kind>/<id>/<random>`.
 */
export const OWN_DIR_KINDS = ["io", "overlay", "etc", "volumes"] as const;

/** Removes such a directory, and that of its id above when nothing else is in it. */
export function removeOwnDir(dir: string): void {
  removeTree(dir);
  removeIfEmpty(dir.slice(0, dir.lastIndexOf("/")));
}

/** Removes a directory unless something is in it, such as what another container of the id has. */
export function removeIfEmpty(dir: string): void {
  try {
    Deno.removeSync(dir);
  } catch {
    // Another container of this id has its own there, or the directory is gone already.
  }
}
