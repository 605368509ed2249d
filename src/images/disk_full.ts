// SPDX-License-Identifier: MIT
import { errnoNameOf } from "../linux/libc/errno.ts";
import { DiskFullError, ImageError } from "./errors.ts";

/** Errnos of a write for which there is no room. */
const FULL: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Runs what writes below the store. That there is no room for it is told as of a pull.
 *
 * @param what Such as `import my/base:1`.
 * @throws {DiskFullError}
 */
export async function tellingFullDisk<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof ImageError || !FULL.has(errnoNameOf(error))) throw error;
    throw new DiskFullError(`cannot ${what}: the disk is full`, { cause: error });
  }
}
