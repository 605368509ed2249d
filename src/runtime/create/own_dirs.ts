// SPDX-License-Identifier: MIT
import { filePath } from "../../oci/bundle_layout.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { OWN_DIR_KINDS, removeOwnDir } from "../../oci/own_dirs_layout.ts";

/** Removes what a container has of its own, and the directory of its id above when that is empty. */
export function removeRecordedDirs(
  { autoRemove, removeDirs = [] }: Pick<BundleRecord, "autoRemove" | "removeDirs">,
): void {
  if (autoRemove) { for (const dir of removeDirs) removeOwnDir(dir); }
}

/** Removes what a container has of its own below the root directory, but its log. */
export function removeOwnDirs(record: BundleRecord, root: string): void {
  for (const dir of ownDirs(record, root)) removeOwnDir(dir);
}

/**
 * Returns the directories that clients have made for a container and named in its labels, or whose FIFOs
 * are its stdio: `<root>/<kind>/<id>/<random>`.
 */
export function ownDirs(
  { id, labels, stdio }: Pick<BundleRecord, "id" | "labels" | "stdio">,
  root: string,
): string[] {
  const paths = [...Object.values(labels), stdio.stdin, stdio.stdout, stdio.stderr]
    .map((path) => filePath(path) ?? path);
  const dirs = OWN_DIR_KINDS.flatMap((kind) => {
    const parent = `${root}/${kind}/${id}/`;
    return paths.filter((path) => path.startsWith(parent)).flatMap((path) => {
      const [name = ""] = path.slice(parent.length).split("/", 1);
      return ["", ".", ".."].includes(name) ? [] : [parent + name];
    });
  });
  return [...new Set(dirs)];
}
