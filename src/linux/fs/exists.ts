// SPDX-License-Identifier: MIT

/**
 * Returns whether `path` leads to anything. For where `node:fs` is not to be loaded, as in a shim.
 *
 * @throws what else is wrong with the path (`Deno.errors.PermissionDenied`, …)
 */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
