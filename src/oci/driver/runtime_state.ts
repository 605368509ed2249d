// SPDX-License-Identifier: MIT
// Finds out what the OCI runtime has left of a container on disk.
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { exists } from "../../linux/fs/exists.ts";
import { couldNotStart } from "./runtime_call.ts";
import { tryReadJson } from "../json_file.ts";
import type { BundlePaths, BundleRecord } from "../bundle_layout.ts";

/**
 * Returns whether the OCI runtime has left anything of a bundle's container: init's pid file, or
 * state under its root, where the runtimes keep what they know in a place that begins with the id.
 */
export function hasRuntimeState(
  { id, runtimeRoot }: Pick<BundleRecord, "id" | "runtimeRoot">,
  { initPid }: Pick<BundlePaths, "initPid">,
): boolean {
  return exists(initPid) || dirEntries(runtimeRoot).some(({ name }) => name.startsWith(id));
}

/**
 * Returns whether `error` is that the OCI runtime cannot be run, and it has never made the
 * container either.
 */
export function neverRan(
  error: unknown,
  record: Pick<BundleRecord, "id" | "runtimeRoot">,
  paths: Pick<BundlePaths, "initPid">,
): boolean {
  return couldNotStart(error) && !hasRuntimeState(record, paths);
}

/**
 * Returns the file below `root` with the state that runc or youki has of a container, if it holds no JSON
 * object, as a loss of power leaves it: the runtime then refuses whatever it is asked for the container.
 * (crun removes one without its state.)
 */
export function damagedState(root: string, id: string): string | undefined {
  const path = `${root}/${id}/state.json`;
  return tryReadJson(path) === undefined && exists(path) ? path : undefined;
}
