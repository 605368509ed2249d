// SPDX-License-Identifier: MIT
import { isExhausted } from "../../linux/libc/errno.ts";
import { BerthError, ResourceExhaustedError } from "../../rpc/errors.ts";

/**
 * Returns a {@linkcode ResourceExhaustedError} for an error of the system that says that the machine has
 * run out of something, such as room on a disk, and any other error as it is.
 *
 * @param id The container that it is about.
 * @param what What could not be done.
 */
export function exhaustedOr(error: unknown, id: string, what: string): unknown {
  if (error instanceof BerthError || !isExhausted(error)) return error;
  return new ResourceExhaustedError(`container ${id}: ${what}: ${error.message}`, {
    cause: error,
    data: { id },
  });
}
