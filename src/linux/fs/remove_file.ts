// SPDX-License-Identifier: MIT
import { ifThere } from "./if_there.ts";

/**
 * Removes a file that may be gone already.
 *
 * @throws what else is wrong with the path
 */
export function removeFile(path: string): void {
  ifThere(() => Deno.removeSync(path));
}
