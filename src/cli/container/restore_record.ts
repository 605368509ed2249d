// SPDX-License-Identifier: MIT
import { readJson, writeJsonAtomic } from "../../oci/bundle_layout.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { CreateParams } from "./create_request.ts";
import { CliError } from "../common/exit_status.ts";
import { OVERLAY_LABEL } from "./container_dirs.ts";

/** The file beside a checkpoint that says how to make its container again. */
const FILE = "berth-restore.json";

/** What has to be known to make the container again: create's params without id and stdio. */
type RestoreRecord = Pick<CreateParams, "spec" | "rootfs" | "terminal" | "runtime" | "labels">;

/**
 * Writes down, beside a checkpoint, how its container was made. Throws a {@linkcode CliError} for a
 * container whose files would be gone at a restore.
 */
export async function saveForRestore(path: string, state: ContainerState): Promise<void> {
  if (state.labels[OVERLAY_LABEL] !== undefined) {
    throw new CliError(
      `cannot checkpoint ${state.id}: its overlay is removed with it, and a restore needs its files`,
    );
  }
  const spec: CreateParams["spec"] = JSON.parse(
    await Deno.readTextFile(`${state.bundle}/config.json`),
  );
  const rootfs = readJson<BundleRecord>(`${state.bundle}/berth.json`)?.rootfs ?? [];
  const record: RestoreRecord = {
    spec,
    rootfs: rootfs.map((mount) => ({ ...mount, options: [...mount.options ?? []] })),
    terminal: state.terminal,
    runtime: state.runtime,
    labels: state.labels,
  };
  writeJsonAtomic(`${path}/${FILE}`, record);
}

/** How the container of the checkpoint in `path` is made again. */
export function readForRestore(path: string): RestoreRecord {
  const record = readJson<RestoreRecord>(`${path}/${FILE}`);
  if (!record) throw new CliError(`${path} is no checkpoint of berth's: it has no ${FILE}`);
  return record;
}
