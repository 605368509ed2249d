// SPDX-License-Identifier: MIT
// The environment that a child process gets.

/** Where programs are looked for by default: what a login of root has. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Returns this process's variables of these names, as far as they are set. */
export function pickEnvironment(names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/**
 * Returns the entries of a PATH that are absolute. Others, the empty one among them, mean the
 * directory in which a program happens to run (environ(7)), which any user may have prepared.
 */
export function absolutePathEntries(path: string | undefined): string {
  const entries = (path ?? "").split(":").filter((entry) => entry.startsWith("/"));
  return entries.length > 0 ? entries.join(":") : DEFAULT_PATH;
}
