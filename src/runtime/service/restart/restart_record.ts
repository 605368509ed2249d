// SPDX-License-Identifier: MIT
// The record of a restart that a user has asked for.
import { removeFile } from "../../../linux/fs/remove_file.ts";
import { tryReadJson, writeJsonAtomic } from "../../../oci/json_file.ts";
import type { ContainerStopOptions } from "../stop/stop.ts";

/**
 * Records in the bundle in `dir` that its container is being stopped to be run again, and how, so that
 * the next daemon finishes the restart. The record goes away with the bundle, which the next run
 * replaces.
 */
export function recordRestart(dir: string, { signal, timeout }: ContainerStopOptions): void {
  writeJsonAtomic(pathIn(dir), { signal, timeout } satisfies ContainerStopOptions);
}

/** Reads how the container of the bundle in `dir` is being restarted; undefined if it is not. */
export function readRestart(dir: string): ContainerStopOptions | undefined {
  return tryReadJson<ContainerStopOptions>(pathIn(dir));
}

/** Removes the record of a restart that has failed, or that a stop has taken back. */
export function removeRestart(dir: string): void {
  removeFile(pathIn(dir));
}

function pathIn(dir: string): string {
  return `${dir}/restart.json`;
}
