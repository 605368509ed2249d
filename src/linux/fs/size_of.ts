// SPDX-License-Identifier: MIT
import { ifThere } from "./if_there.ts";

/**
 * Returns how many bytes a file holds; 0 where there is none.
 *
 * @throws {Deno.errors.PermissionDenied} and the like, if that cannot be found out.
 */
export function sizeOf(path: string): number {
  return ifThere(() => Deno.statSync(path).size) ?? 0;
}
