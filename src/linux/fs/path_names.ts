// SPDX-License-Identifier: MIT

/** Returns the names that a path is made of, first one first: neither empty ones nor `.`. */
export function pathNames(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
