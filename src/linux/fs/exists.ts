// SPDX-License-Identifier: MIT
import { ENOENT } from "../libc/errno.ts";
import { attempt, cstring, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  access: { parameters: [/* const char *path */ "buffer", /* int mode */ "i32"], result: "i32" },
});

/** `F_OK` of access(2). */
const F_OK = 0;

/**
 * Returns whether `path` leads to anything. For where `node:fs` is not to be loaded, as in a shim. An error
 * of Deno's costs far more than the look, and most that is asked for is not there.
 *
 * @throws what else is wrong with the path (`Deno.errors.PermissionDenied`, …)
 */
export function exists(path: string): boolean {
  const name = cstring(path);
  const result = attempt(() => libc().access(name, F_OK));
  if (result === -ENOENT) return false;
  // Deno has an error class for whatever else there is.
  if (result < 0) Deno.statSync(path);
  return true;
}
