// SPDX-License-Identifier: MIT

/**
 * Returns what `use` returns; undefined where a path that it uses leads to nothing.
 *
 * @throws what else `use` throws.
 */
export function ifThere<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
