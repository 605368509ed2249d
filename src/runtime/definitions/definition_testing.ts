// SPDX-License-Identifier: MIT
import { BUNDLE_FORMAT, type BundleRecord } from "../../oci/bundle_layout.ts";

/** Returns the record of a container that asks for nothing. */
export function plainRecord(id: string, instance: string): BundleRecord {
  return {
    format: BUNDLE_FORMAT,
    id,
    instance,
    runtime: "runc",
    runtimeRoot: "/run/runc",
    stdio: { stdin: "/dev/null", stdout: "/dev/null", stderr: "/dev/null", terminal: false },
    rootfs: [],
    noPivot: false,
    labels: {},
    createdAt: "2026-01-01T00:00:00.000Z",
  };
}
