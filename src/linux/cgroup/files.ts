// SPDX-License-Identifier: MIT
// Reads and writes the files of a cgroup.
import { errnoNameOf } from "../libc/errno.ts";

/**
 * Returns a file of a cgroup as text. `undefined` where there is none: the controller is not there,
 * or the cgroup is gone (ENODEV if it went while the file was open). Processes of a threaded cgroup
 * are not listed there but above it (EOPNOTSUPP, which Deno calls ENOTSUP; cgroup-v2, Threads).
 */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isGone(error) || errnoNameOf(error) === "ENOTSUP") return undefined;
    throw error;
  }
}

/**
 * Writes to a file of a cgroup, which is never made.
 *
 * @returns whether it was there
 */
export function writeText(path: string, text: string): boolean {
  try {
    Deno.writeTextFileSync(path, text, { create: false });
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Returns whether an error means that the file or its cgroup is not there, or no longer. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || errnoNameOf(error) === "ENODEV";
}

/** Returns a file that holds one number; `max` is `Infinity`. */
export function readNumber(path: string): number | undefined {
  const text = readText(path)?.trim();
  return text === undefined || text === "" ? undefined : text === "max" ? Infinity : Number(text);
}

/**
 * Returns a limit; `undefined` also where there is none: `max` in v2, and in v1 the largest number
 * of pages that the kernel can count (PAGE_COUNTER_MAX), which no machine has.
 */
export function readLimit(path: string): number | undefined {
  const limit = readNumber(path);
  return limit !== undefined && limit < 2 ** 62 ? limit : undefined;
}

/**
 * Returns a flat keyed file, a `key number` a line (cgroup-v2, Format); nothing where it is
 * missing.
 */
export function readKeyed(path: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of readText(path)?.split("\n") ?? []) {
    const space = line.indexOf(" ");
    if (space > 0) values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return values;
}

/**
 * Returns a cgroup's directory and all below it, each before its children. Empty where it is gone.
 */
export function subtree(path: string): string[] {
  const found: string[] = [];
  const pending = [path];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    try {
      // A directory has a link from each child's `..`: two links mean no children, and most
      // cgroups have none, so that their thirty files need not be listed. (1: links not counted.)
      if (Deno.statSync(dir).nlink !== 2) {
        for (const entry of Deno.readDirSync(dir)) {
          if (entry.isDirectory) pending.push(`${dir}/${entry.name}`);
        }
      }
      found.push(dir);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return found;
}

/** An object type whose members that may be `undefined` are optional instead. */
export type Defined<T> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** Returns `value` without the members that are `undefined`. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined),
  ) as Defined<T>;
}
