// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { idsBeingRenamed } from "../../oci/renames_layout.ts";
import { orphansBelow, type OwnedPath } from "./container_dirs.ts";

/** The leftovers of containers that are gone. */
export interface Orphans {
  /** Paths to remove. */
  readonly old: readonly string[];
  /** Paths that are too young to be sure of. */
  readonly young: readonly string[];
}

/**
 * A younger path is left alone, in milliseconds: a command that creates a container makes its files before
 * the daemon knows of the container.
 */
const MIN_AGE = 10 * 60_000;

/**
 * Returns the paths below the daemon's root that containers have left which are gone; those below an id
 * whose rename is under way, or could not be finished, are not among them. A clock that was
 * set back since makes what is new look as if from the future: by less than the minimal age, that is
 * young. What a clock has made that was further ahead counts as old, lest it stay for years.
 *
 * @param list returns every container; called after the files were looked for, so that one that was
 *   created meanwhile is in it.
 * @throws {Deno.errors.PermissionDenied} if this user may not look.
 */
export async function findOrphans(
  root: string,
  list: () => Promise<readonly ContainerState[]>,
): Promise<Orphans> {
  const found = orphansBelow(root);
  if (found.length === 0) return { old: [], young: [] };
  const ids = new Set((await list()).map(({ id }) => id));
  const renamed = idsBeingRenamed(root);
  const orphans = found.filter(({ id }) => !ids.has(id) && !renamed.has(id));
  const now = Date.now();
  const isYoung = ({ changedAt }: OwnedPath) => Math.abs(now - changedAt) < MIN_AGE;
  return {
    old: orphans.filter((orphan) => !isYoung(orphan)).map(({ path }) => path),
    young: orphans.filter(isYoung).map(({ path }) => path),
  };
}
