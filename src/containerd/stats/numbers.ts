// SPDX-License-Identifier: MIT
// Reads numbers of cgroups digit for digit.
import { readText } from "../../linux/cgroup/files.ts";
import { dirEntries } from "../../linux/fs/dir_entries.ts";

/** The number for "max" in a message of cgroup v2. */
export const NO_LIMIT = 2n ** 64n - 1n;

/** Returns the number that a file of a cgroup holds, digit for digit; undefined where there is none. */
export function readCount(path: string): bigint | undefined {
  return toCount(readText(path)?.trim());
}

/** Returns the numbers of a file that has a key and a number a line. */
export function readCounts(path: string): Readonly<Record<string, bigint>> {
  const counts: Record<string, bigint> = {};
  for (const line of (readText(path) ?? "").split("\n")) {
    const [key = "", value] = line.split(" ");
    const count = toCount(value);
    if (count !== undefined) counts[key] = count;
  }
  return counts;
}

/** Returns a number as the kernel writes it; undefined where there is none. */
export function toCount(text: string | undefined): bigint | undefined {
  if (text === "max") return NO_LIMIT;
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}

/** Returns the names of the files in a directory that have a name of this form. */
export function filesLike(dir: string, form: RegExp): string[] {
  return dirEntries(dir).map(({ name }) => name).filter((name) => form.test(name));
}
