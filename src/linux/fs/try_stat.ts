// SPDX-License-Identifier: MIT
import { exists } from "./exists.ts";

/**
 * Returns stat(2) of `path`; undefined where that fails, for whatever reason. Use it where the code
 * that opens the path reports the error.
 */
export function tryStat(path: string): Deno.FileInfo | undefined {
  try {
    return exists(path) ? Deno.statSync(path) : undefined;
  } catch {
    // Not there, or not to be asked: to the caller that is the same.
    return undefined;
  }
}

/** As {@linkcode tryStat}, of lstat(2). */
export function tryLstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    // Not there, or not to be asked.
    return undefined;
  }
}
