// SPDX-License-Identifier: MIT

/**
 * Returns how many bytes a file holds; 0 where there is none.
 *
 * @throws {Deno.errors.PermissionDenied} and the like, if that cannot be told.
 */
export function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
