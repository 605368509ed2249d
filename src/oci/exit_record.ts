// SPDX-License-Identifier: MIT
import { readJson, writeJsonAtomic } from "./bundle_layout.ts";
import type { ExitRecord } from "./bundle_layout.ts";

/**
 * Writes how init ended to a bundle's exit.json, so that it outlives the shim. Returns false where
 * the bundle directory is gone, so that there is nobody left to tell.
 *
 * @throws what the file system throws, ENOSPC among it
 */
export function writeExitRecord(path: string, record: ExitRecord): boolean {
  try {
    writeJsonAtomic(path, record);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  return true;
}

/** Reads exit.json; undefined where there is none or it belongs to another instance. */
export function readExitRecord(path: string, instance: string): ExitRecord | undefined {
  const record = readJson<ExitRecord>(path);
  return record?.instance === instance ? record : undefined;
}
