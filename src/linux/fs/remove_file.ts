// SPDX-License-Identifier: MIT

/**
 * Removes a file that may be gone already.
 *
 * @throws what else is wrong with the path
 */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
