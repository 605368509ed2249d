// SPDX-License-Identifier: MIT
import { isExhausted } from "../../linux/libc/errno.ts";
import { BerthError, ResourceExhaustedError } from "../../rpc/errors.ts";

/**
 * Returns a {@linkcode ResourceExhaustedError} for an error of the system that says that the machine has
 * run out of something, such as room on a disk, and any other error as it is.
 *
 * @param what says what could not be done.
 * @param id the container that it is about, if it is about one.
 */
export function exhaustedOr(error: unknown, what: string, id?: string): unknown {
  if (error instanceof BerthError || !isExhausted(error)) return error;
  const [subject, data] = id === undefined ? ["", {}] : [`container ${id}: `, { id }];
  return new ResourceExhaustedError(`${subject}${what}: ${error.message}`, { cause: error, data });
}
