// SPDX-License-Identifier: MIT
// The files of one definition.
import { failpoint } from "../../failpoint.ts";
import { writeDurably } from "../../linux/fs/write_atomic.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../../oci/bundle_layout.ts";
import type { BundleRecord, ExitRecord } from "../../oci/bundle_layout.ts";
import { stringifyJson } from "../../rpc/json.ts";
import type { ServiceRecord } from "./service_record.ts";

/** Everything that a container needs to be run again. */
export interface Definition {
  /** The OCI spec, with its limits as updated. */
  readonly spec: Record<string, unknown>;
  /** The record of the last instance. */
  readonly record: BundleRecord;
  readonly service: ServiceRecord;
}

/** Returns the directory of all definitions below the root directory. */
export function definitionsDir(root: string): string {
  return `${root}/containers`;
}

/** Returns the directory of a container's definition below the root directory. */
export function definitionDir(root: string, id: string): string {
  return `${definitionsDir(root)}/${id}`;
}

/** Returns the path of the {@linkcode ServiceRecord} in `dir`. */
export function servicePath(dir: string): string {
  return `${dir}/service.json`;
}

/**
 * Writes the files of a definition. The record is last: without it there is no definition.
 *
 * @param exit how the last instance has ended, of which nothing else is left.
 */
export function writeDefinition(
  dir: string,
  { spec, record, service }: Definition,
  exit?: ExitRecord,
): void {
  Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const paths = bundlePaths(dir);
  writeDurably(paths.config, stringifyJson(spec));
  writeDurably(servicePath(dir), stringifyJson(service));
  if (exit !== undefined) writeDurably(paths.exitRecord, stringifyJson(exit));
  failpoint("definition.record");
  writeDurably(paths.record, stringifyJson({ ...record, format: BUNDLE_FORMAT }));
}
