// SPDX-License-Identifier: MIT

/**
 * Removes a file, or a directory with all that is in it. Returns whether it was there.
 *
 * @throws what else is wrong with the path
 */
export function removeTree(path: string): boolean {
  try {
    Deno.removeSync(path, { recursive: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
