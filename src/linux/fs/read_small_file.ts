// SPDX-License-Identifier: MIT

const MIB = 1024 * 1024;

/** The bytes that a file may have which a person has named, for options or as credentials, say. */
export const MOST_NAMED = 16 * MIB;

/**
 * Reads a text file that somebody else can write, such as one that a container has mounted: a FIFO
 * would stop this process until another writes into it, and a huge file would take its memory.
 *
 * @param most the bytes that it may have; 1 MiB by default.
 * @throws {Error} if it is no regular file or has more bytes, and what the file system throws.
 */
export function readSmallFile(path: string, most = MIB): string {
  const { isFile, size } = Deno.statSync(path);
  if (!isFile) throw new Error(`${path} is no regular file`);
  if (size > most) throw new Error(`${path} has ${size} bytes, more than ${most}`);
  return Deno.readTextFileSync(path);
}
