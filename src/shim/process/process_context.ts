// SPDX-License-Identifier: MIT
import type { FdReserve } from "../../linux/fd/fd_reserve.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { Reaper } from "../../linux/process/reaper.ts";
import type { BundlePaths, BundleRecord } from "../../oci/bundle_layout.ts";
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";

/** The bundle, the runtime and the watchers that the processes of one container share. */
export interface ProcessContext {
  readonly record: BundleRecord;
  readonly paths: BundlePaths;
  readonly runtime: OciRuntime;
  readonly reaper: Reaper;
  readonly poller: Poller;
  readonly reserve: FdReserve;
  /** Writes a line to the shim's log. */
  readonly log: (message: string) => void;
}
