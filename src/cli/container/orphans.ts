// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { orphansBelow } from "./container_dirs.ts";

/**
 * What is younger is left alone, in milliseconds: a command that creates a container makes its files
 * before the daemon knows of the container.
 */
const MIN_AGE = 10 * 60_000;

/**
 * Returns the paths below the daemon's root that containers have left which are gone.
 *
 * @param list returns every container; called after the files were looked for, so that one that was
 *   created meanwhile is in it.
 * @throws {Deno.errors.PermissionDenied} if this user may not look.
 */
export async function findOrphans(
  root: string,
  list: () => Promise<readonly ContainerState[]>,
): Promise<string[]> {
  const found = orphansBelow(root, Date.now() - MIN_AGE);
  if (found.length === 0) return [];
  const ids = new Set((await list()).map(({ id }) => id));
  return found.filter(({ id }) => !ids.has(id)).map(({ path }) => path);
}
