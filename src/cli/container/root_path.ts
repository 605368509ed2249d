// SPDX-License-Identifier: MIT
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { CliError } from "../common/exit_status.ts";

/** Returns where a container's root filesystem is, as the spec in its bundle says. */
export function rootPathIn(bundle: string): string {
  const { config } = bundlePaths(bundle);
  const root = readJson<Record<string, unknown>>(config)?.["root"];
  const path = isRecord(root) ? root["path"] : undefined;
  if (typeof path !== "string") throw new CliError(`${config} names no root.path`);
  return path.startsWith("/") ? path : `${bundle}/${path}`;
}
