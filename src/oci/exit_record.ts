// SPDX-License-Identifier: MIT
// The record of how init ended, `exit.json`, written on a full disk too.
import { ifThere } from "../linux/fs/if_there.ts";
import { tryReadJson } from "./json_file.ts";
import type { ExitRecord } from "./bundle_layout.ts";

/** Size of exit.json in bytes, which a record never reaches: blanks fill the rest. */
const SIZE = 512;

/**
 * Takes the space for a bundle's exit.json, so that {@linkcode writeExitRecord} finds it on a disk that
 * is full by then.
 *
 * @throws what the file system throws, ENOSPC among it
 */
export function reserveExitRecord(path: string): void {
  overwrite(temporary(path), "");
}

/**
 * Writes how init ended to a bundle's exit.json, so that it outlives the shim. A reader sees no part of
 * it. Returns false where the bundle directory is gone, so that no daemon is left to tell.
 *
 * @throws what the file system throws; ENOSPC only where no space was reserved
 */
export function writeExitRecord(path: string, record: ExitRecord): boolean {
  return ifThere(() => {
    overwrite(temporary(path), JSON.stringify(record));
    Deno.renameSync(temporary(path), path);
    return true;
  }) ?? false;
}

function temporary(path: string): string {
  return `${path}.tmp`;
}

/** Writes without truncating first, which would give the space back. */
function overwrite(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, create: true, mode: 0o600 });
  let rest = new TextEncoder().encode(text.padEnd(SIZE));
  while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
}

/** Reads exit.json; undefined where there is none, or a damaged one, or another instance's. */
export function readExitRecord(path: string, instance: string): ExitRecord | undefined {
  const record = tryReadJson<ExitRecord>(path);
  return record?.instance === instance ? record : undefined;
}
