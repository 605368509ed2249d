// SPDX-License-Identifier: MIT
import { dirEntries } from "../fs/dir_entries.ts";
import { exists } from "../fs/exists.ts";
import { cgroupHierarchies, type Hierarchy } from "./find.ts";

/**
 * Returns whether a limit of swap can be set: the kernel counts swap (CONFIG_SWAP, and for v1
 * `swapaccount`). A runtime fails to set one where it cannot.
 */
export function limitsSwap(hierarchies: readonly Hierarchy[] = cgroupHierarchies()): boolean {
  const v1 = hierarchies.find(({ names }) => names.includes("memory"));
  if (v1 !== undefined) return exists(`${v1.mountPoint}/memory.memsw.limit_in_bytes`);
  const v2 = hierarchies.find(({ names }) => names.includes("unified"));
  if (v2 === undefined) return false;
  // The root cgroup has no limits of its own (cgroup-v2, Memory Interface Files).
  return dirEntries(v2.mountPoint).some(({ name, isDirectory }) =>
    isDirectory && exists(`${v2.mountPoint}/${name}/memory.swap.max`)
  );
}
