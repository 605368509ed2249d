// SPDX-License-Identifier: MIT

/**
 * Returns the directory of a container's log below the root directory, unless a client chooses
 * another.
 */
export function logDir(root: string, id: string): string {
  return `${root}/logs/${id}`;
}

/**
 * Returns the numbers of the rotated files of the log at `path`, ascending: `<path>.1` is the
 * oldest. Numbers grow by one with each rotation, so a gap says that a file is missing.
 */
export function rotatedNumbers(path: string): number[] {
  const at = path.lastIndexOf("/");
  const prefix = `${path.slice(at + 1)}.`;
  const numbers: number[] = [];
  try {
    for (const { name } of Deno.readDirSync(path.slice(0, at) || "/")) {
      const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
      if (/^[1-9]\d{0,14}$/.test(rest)) numbers.push(Number(rest));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return numbers.sort((a, b) => a - b);
}
