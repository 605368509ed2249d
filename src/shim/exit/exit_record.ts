// SPDX-License-Identifier: MIT
import type { ExitRecord } from "../../oci/bundle_layout.ts";
import { readJson, writeJsonAtomic } from "../../oci/bundle_layout.ts";
import type { ProcessExit } from "../process/init_states.ts";

/**
 * Writes how init ended to a bundle's exit.json, so that it outlives the shim. Answers false where
 * the bundle directory is gone, so that there is nobody left to tell.
 */
export function writeExitRecord(
  path: string,
  instance: string,
  pid: number,
  exit: ProcessExit,
): boolean {
  const record: ExitRecord = { instance, pid, ...exit };
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
