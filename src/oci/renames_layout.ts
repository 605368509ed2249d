// SPDX-License-Identifier: MIT
// The files that stand for renames under way.
import { namesEnding } from "../linux/fs/dir_entries.ts";
import { tryReadJson } from "./json_file.ts";

/** Returns the directory of the renames that are under way, each of which is `<new id>.json`. */
export function renamesDir(root: string): string {
  return `${root}/renames`;
}

/** Returns the new ids of the renames that are under way. */
export function renamesUnderWay(root: string): string[] {
  return namesEnding(renamesDir(root), ".json");
}

/**
 * Returns both ids of each rename that is under way: files of one container may be below either.
 *
 * @throws {Deno.errors.PermissionDenied} if this user may not look.
 */
export function idsBeingRenamed(root: string): Set<string> {
  return new Set(renamesUnderWay(root).flatMap((to) => [to, ...fromOf(root, to)]));
}

function fromOf(root: string, to: string): string[] {
  const from = tryReadJson<{ from?: unknown }>(`${renamesDir(root)}/${to}.json`)?.from;
  return typeof from === "string" ? [from] : [];
}
