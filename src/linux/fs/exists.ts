// SPDX-License-Identifier: MIT
import { ifThere } from "./if_there.ts";

/**
 * Returns whether `path` leads to anything. For where `node:fs` is not to be loaded, as in a shim.
 *
 * @throws what else is wrong with the path (`Deno.errors.PermissionDenied`, …)
 */
export function exists(path: string): boolean {
  return ifThere(() => Deno.statSync(path)) !== undefined;
}
