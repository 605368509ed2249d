// SPDX-License-Identifier: MIT
// The files of a container's log.
import { dirEntries } from "../linux/fs/dir_entries.ts";

/**
 * Returns the directory of a container's log below the root directory, unless a client chooses
 * another.
 */
export function logDir(root: string, id: string): string {
  return `${root}/logs/${id}`;
}

/** Returns the file to which an early berth wrote the output of a detached container. */
export function formerLogPath(root: string, id: string): string {
  return `${root}/logs/${id}.log`;
}

/**
 * Returns the numbers of the rotated files of the log at `path`, ascending: `<path>.1` is the
 * oldest. Numbers grow by one with each rotation, so a gap says that a file is missing.
 */
export function rotatedNumbers(path: string): number[] {
  const at = path.lastIndexOf("/");
  const prefix = `${path.slice(at + 1)}.`;
  return dirEntries(path.slice(0, at) || "/")
    .map(({ name }) => name.startsWith(prefix) ? name.slice(prefix.length) : "")
    .filter((rest) => /^[1-9]\d{0,14}$/.test(rest)).map(Number).sort((a, b) => a - b);
}
