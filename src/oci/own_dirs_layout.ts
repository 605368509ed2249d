// SPDX-License-Identifier: MIT
// The directories that belong to one container beside its bundle, and their labels.
import { parentDir } from "../linux/fs/path_names.ts";
import { removeTree } from "../linux/fs/remove_tree.ts";
import { filePath } from "./bundle_layout.ts";

/**
 * The kinds of directories that belong to one container beside its log: each is
 * `<root>/<kind>/<id>/<random>`.
 */
export const OWN_DIR_KINDS = ["io", "overlay", "etc", "volumes"] as const;

/** The label that says where a container's overlay keeps its upper and work directories. */
export const OVERLAY_LABEL = "berth.overlay";

/** The label that says where a container's generated files are, which are mounted below its /etc. */
export const ETC_LABEL = "berth.etc";

/** The label that says where a container's anonymous volumes are. */
export const VOLUMES_LABEL = "berth.volumes";

/** The parts of a container that name its directories. */
interface DirOwner {
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: string | undefined;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
}

/**
 * Returns the directories below `root` that the command line has made for a container: those of its id
 * that one of these labels names, or in which its stdio is.
 */
export function ownDirs(
  root: string,
  { id, labels = {}, stdin = "", stdout = "", stderr = "" }: DirOwner,
): string[] {
  const named = [OVERLAY_LABEL, ETC_LABEL, VOLUMES_LABEL].map((label) => labels[label] ?? "");
  const paths = [...named, stdin, stdout, stderr].map((path) => filePath(path) ?? path);
  const dirs = OWN_DIR_KINDS.flatMap((kind) => {
    const parent = `${root}/${kind}/${id}/`;
    return paths.filter((path) => path.startsWith(parent)).flatMap((path) => {
      const [name = ""] = path.slice(parent.length).split("/", 1);
      return ["", ".", ".."].includes(name) ? [] : [parent + name];
    });
  });
  return [...new Set(dirs)];
}

/** Removes such a directory, and that of its id above when nothing else is in it. */
export function removeOwnDir(dir: string): void {
  removeTree(dir);
  removeEmptyDir(parentDir(dir));
}

/** Removes a directory unless something is in it, such as what another container of the id has. */
export function removeEmptyDir(dir: string): void {
  try {
    Deno.removeSync(dir);
  } catch {
    // Another container of this id has its own there, or the directory is gone already.
  }
}
