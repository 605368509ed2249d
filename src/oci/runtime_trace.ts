// SPDX-License-Identifier: MIT
import type { BundlePaths, BundleRecord } from "./bundle.ts";

/**
 * Whether the OCI runtime has left anything of a bundle's container: init's pid file, or state under
 * its root, where the runtimes keep what they know in a place that begins with the id.
 */
export function hasRuntimeTrace(
  { id, runtimeRoot }: Pick<BundleRecord, "id" | "runtimeRoot">,
  { initPid }: Pick<BundlePaths, "initPid">,
): boolean {
  try {
    Deno.lstatSync(initPid);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    return Array.from(Deno.readDirSync(runtimeRoot)).some(({ name }) => name.startsWith(id));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
