// SPDX-License-Identifier: MIT
// Files that hold one JSON object, which berth writes and reads.
import { exists } from "../linux/fs/exists.ts";
import { leadsNowhere } from "../linux/libc/errno.ts";
import { writeAtomic } from "../linux/fs/write_atomic.ts";
import { isRecord } from "../rpc/is_record.ts";
import { parseJson, stringifyJson } from "../rpc/json.ts";

/** Writes `value` as JSON with {@linkcode writeAtomic}. */
export function writeJsonAtomic(path: string, value: unknown): void {
  writeAtomic(path, stringifyJson(value));
}

/**
 * Reads a file that only berth writes. Returns undefined where the file is missing.
 *
 * @throws {SyntaxError} if the file does not hold a JSON object.
 */
export function readJson<T extends object>(path: string): T | undefined {
  let value: unknown;
  try {
    // An error of Deno's costs far more than the look, and most records of a bundle are not there.
    if (!exists(path)) return undefined;
    value = parseJson(Deno.readTextFileSync(path));
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (isRecord(value)) return value as T;
  throw new SyntaxError(`${path} is damaged: no JSON object`);
}

/** As {@linkcode readJson}, but returns undefined for a file that a loss of power has damaged, too. */
export function tryReadJson<T extends object>(path: string): T | undefined {
  try {
    return readJson<T>(path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
