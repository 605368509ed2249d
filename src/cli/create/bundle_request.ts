// SPDX-License-Identifier: MIT
import { flagOf } from "../common/command.ts";
import { MOST_NAMED, readSmallFile } from "../../linux/fs/read_small_file.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { realDirectory } from "../image/rootfs.ts";
import { SPEC_OPTIONS } from "../options/options.ts";
import { CliError } from "../common/exit_status.ts";
import { messageOf } from "../../error_text.ts";
import { parseJson } from "../../rpc/json.ts";
import { commonParams, labelsOf } from "./common_params.ts";
import type { ContainerCreateParams, CreateInput } from "./create_input.ts";

/** Returns the params of `container.create` for the bundle in `dir`, without stdio. */
export function bundleRequest(
  id: string,
  dir: string,
  { options, files, rootfs: { args } }: CreateInput,
): ContainerCreateParams {
  const refused = SPEC_OPTIONS.find((name) => options[name] !== undefined);
  if (refused !== undefined || args.length > 0) {
    const what = refused === undefined ? "a command" : flagOf(refused);
    throw new CliError(`--bundle takes the bundle's config.json as it is: ${what} cannot be given`);
  }
  const bundle = realDirectory(dir);
  const path = `${bundle}/config.json`;
  let spec: Record<string, unknown>;
  try {
    const value = parseJson(readSmallFile(path, MOST_NAMED));
    if (!isRecord(value)) throw new SyntaxError("it does not hold a JSON object");
    spec = value;
  } catch (error) {
    throw new CliError(`cannot use ${path}: ${messageOf(error)}`, { cause: error });
  }
  const rootPath = isRecord(spec["root"]) ? spec["root"]["path"] : undefined;
  if (isRecord(spec["root"]) && typeof rootPath === "string" && !rootPath.startsWith("/")) {
    spec = { ...spec, root: { ...spec["root"], path: realDirectory(`${bundle}/${rootPath}`) } };
  }
  const process = isRecord(spec["process"]) ? spec["process"] : {};
  const command = Array.isArray(process["args"]) ? process["args"].map(String) : [];
  return {
    id,
    spec,
    labels: labelsOf(files.labels, options, command),
    ...commonParams(options),
    ...(process["terminal"] === true && { terminal: true }),
  };
}
