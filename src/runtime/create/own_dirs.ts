// SPDX-License-Identifier: MIT
import { removeTree } from "../../linux/fs/remove_tree.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";

/** Removes what a container has of its own, and the directory of its id above when that is empty. */
export function removeRecordedDirs(
  { autoRemove, removeDirs = [] }: Pick<BundleRecord, "autoRemove" | "removeDirs">,
): void {
  if (!autoRemove) return;
  for (const dir of removeDirs) {
    removeTree(dir);
    try {
      Deno.removeSync(dir.slice(0, dir.lastIndexOf("/")));
    } catch {
      // Another container of this id has its own there, or the directory is gone already.
    }
  }
}
