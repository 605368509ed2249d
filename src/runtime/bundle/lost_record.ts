// SPDX-License-Identifier: MIT
import { baseName } from "../../linux/fs/path_names.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../../oci/bundle_layout.ts";
import { tryReadJson } from "../../oci/json_file.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { cgroupsPathOf } from "../../oci/spec/facts.ts";

/**
 * Returns a record for the bundle in `dir` whose own is damaged, as a loss of power leaves it: enough to
 * find the rest of the container, and to remove it.
 *
 * @param instanceOf returns the instance of an id, where something else than the record names it.
 */
export function lostRecord(
  dir: string,
  runtime: Pick<BundleRecord, "runtime" | "runtimeRoot">,
  instanceOf: (id: string) => string | undefined,
): BundleRecord {
  const id = baseName(dir);
  return {
    ...runtime,
    format: BUNDLE_FORMAT,
    id,
    instance: instanceOf(id) ?? crypto.randomUUID(),
    stdio: { stdin: "", stdout: "", stderr: "", terminal: false },
    rootfs: [],
    noPivot: false,
    labels: {},
    cgroupsPath: cgroupsPathOf(tryReadJson(bundlePaths(dir).config)),
    createdAt: new Date().toISOString(),
  };
}
