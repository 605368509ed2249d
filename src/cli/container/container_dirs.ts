// SPDX-License-Identifier: MIT
// The directories that the command line makes for containers.
import { FileLock } from "../../linux/fd/file_lock.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { formerLogPath, logDir } from "../../oci/log_layout.ts";
import { idsBeingRenamed } from "../../oci/renames_layout.ts";
import { OWN_DIR_KINDS } from "../../oci/own_dirs_layout.ts";
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { exists } from "../../linux/fs/exists.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";

/**
 * Makes a directory for one container under `<root>/<kind>/<id>/`. Its last part is random: of two
 * commands that want one id at once, the one that loses must not touch what the other has made.
 * `held` gets its lock, which tells who removes what containers have left that this one is to come; see
 * {@linkcode OrphanRemoval}. It is disposed when the daemon knows of the container.
 */
export function createDir(
  root: string,
  kind: typeof OWN_DIR_KINDS[number],
  id: string,
  held: DisposableStack,
): string {
  const parent = `${root}/${kind}/${id}`;
  while (true) {
    Deno.mkdirSync(parent, { recursive: true, mode: 0o700 });
    try {
      const dir = Deno.makeTempDirSync({ dir: parent });
      const lock = FileLock.tryLock(dir, { directory: true });
      if (lock === undefined) removeTree(dir);
      else if (exists(dir)) {
        held.use(lock);
        return dir;
      } else lock[Symbol.dispose]();
    } catch (error) {
      // Another command removes what is left of a container of this id, and has taken it along.
      if (errnoNameOf(error) !== "ENOENT") throw error;
    }
  }
}

/**
 * Returns the paths that may be left of an id whose container is gone: the daemon, which deletes a
 * container whose shim has died, may leave these.
 */
function orphanPaths(root: string, id: string): string[] {
  // They are of a container that the daemon knows by another id.
  if (unlessDenied(() => idsBeingRenamed(root).has(id))) return [];
  const dirs = OWN_DIR_KINDS.map((kind) => `${root}/${kind}/${id}`);
  return [logDir(root, id), formerLogPath(root, id), ...dirs];
}

/** Returns what `look` finds; false for a user who may not look, and may not remove anything either. */
function unlessDenied(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

/** Returns every log, FIFO and overlay that is there of an id, as far as this user may see it. */
export function orphansOf(root: string, id: string): string[] {
  return orphanPaths(root, id).filter((path) => unlessDenied(() => exists(path)));
}

/** A path that belongs to the container of an id. */
export interface OwnedPath {
  readonly id: string;
  readonly path: string;
  /** When it was last changed, in milliseconds since 1970. */
  readonly changedAt: number;
}

/**
 * Returns every log, FIFO, overlay and volume below the root, of whichever container.
 *
 * @throws {Deno.errors.PermissionDenied} where this user may not look.
 */
export function orphansBelow(root: string): OwnedPath[] {
  const kinds = ["logs", ...OWN_DIR_KINDS];
  return kinds.flatMap((kind) => {
    const parent = `${root}/${kind}`;
    return dirEntries(parent).map(({ name }) => name).sort().flatMap((name): OwnedPath[] => {
      const path = `${parent}/${name}`;
      const { isDirectory, mtime } = Deno.lstatSync(path);
      const id = isDirectory ? name : name.replace(/\.log$/, "");
      return [{ path, id, changedAt: mtime?.getTime() ?? 0 }];
    });
  });
}
