// SPDX-License-Identifier: MIT
// Removes the directories that belong to one container beside its bundle.
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { ownDirs, removeOwnDir } from "../../oci/own_dirs_layout.ts";

/** Removes a container's own directories by its record, and the directory of its id above when empty. */
export function removeRecordedDirs(
  { autoRemove, removeDirs = [] }: Pick<BundleRecord, "autoRemove" | "removeDirs">,
): void {
  if (autoRemove) { for (const dir of removeDirs) removeOwnDir(dir); }
}

/** Removes a container's own directories below the root directory, but its log. */
export function removeOwnDirs(record: BundleRecord, root: string): void {
  for (const dir of ownDirs(root, { ...record, ...record.stdio })) removeOwnDir(dir);
}
