// SPDX-License-Identifier: MIT
import { ifThere } from "./if_there.ts";

/** Returns what is in a directory; nothing where that is not there. */
export function dirEntries(path: string): Deno.DirEntry[] {
  return ifThere(() => [...Deno.readDirSync(path)]) ?? [];
}

/** Returns the names in a directory that end in `suffix`, without it; none where it is not there. */
export function namesEnding(path: string, suffix: string): string[] {
  return dirEntries(path).map(({ name }) => name)
    .filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
}
