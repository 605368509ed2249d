// SPDX-License-Identifier: MIT

/**
 * What stat(2) says of `path`; undefined where it says nothing, whatever is wrong with the path. For
 * where that is told by somebody else, who uses it.
 */
export function tryStat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Not there, or not to be asked: to the caller that is the same.
    return undefined;
  }
}
