// SPDX-License-Identifier: MIT
import { ifThere } from "./if_there.ts";

/**
 * Removes a file, or a directory with all that is in it. Returns whether it was there.
 *
 * @throws what else is wrong with the path
 */
export function removeTree(path: string): boolean {
  return ifThere(() => {
    Deno.removeSync(path, { recursive: true });
    return true;
  }) ?? false;
}
