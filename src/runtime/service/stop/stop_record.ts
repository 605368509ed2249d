// SPDX-License-Identifier: MIT
import { removeFile } from "../../../linux/fs/remove_file.ts";
import { tryReadJson, writeJsonAtomic } from "../../../oci/json_file.ts";
import { logFailure } from "../../util/log_failure.ts";

/** The content of `stop.json` in the bundle, by which the next daemon finishes the stop. */
export interface StopRecord {
  /** When SIGKILL is due, RFC 3339. */
  readonly killAt: string;
  /** Seconds that were given to the container. Records of earlier versions have none. */
  readonly timeout?: number;
}

/** Reads the record of a stop in the bundle in `dir`; undefined where there is none, or a damaged one. */
export function readStop(dir: string): StopRecord | undefined {
  return tryReadJson<StopRecord>(pathIn(dir));
}

/**
 * Records a stop in the bundle in `dir`; the earliest SIGKILL wins where several stop the container.
 * Returns a function that takes the record back, for a stop that has failed: its container lives on,
 * also under the next daemon.
 */
export function recordStop(dir: string, timeout: number): () => void {
  const due = new Date(Date.now() + timeout * 1000);
  const before = readStop(dir);
  if (before !== undefined && new Date(before.killAt) <= due) return () => {};
  const killAt = due.toISOString();
  writeJsonAtomic(pathIn(dir), { killAt, timeout } satisfies StopRecord);
  return () => withdraw(dir, killAt);
}

/** Removes the record, unless that of another stop has taken its place. Never throws. */
function withdraw(dir: string, killAt: string): void {
  try {
    if (readStop(dir)?.killAt === killAt) removeFile(pathIn(dir));
  } catch (error) {
    // The caller has to know the error of the stop.
    logFailure("error", "container", "{path}: cannot take the stop back: {reason}", error, {
      path: pathIn(dir),
    });
  }
}

function pathIn(dir: string): string {
  return `${dir}/stop.json`;
}
