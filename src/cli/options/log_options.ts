// SPDX-License-Identifier: MIT
// The options of a container's log.
import { InvalidArgumentError } from "commander";
import type { LogDriver } from "../../oci/bundle_layout.ts";
import type { LogParams } from "../../rpc/contract/schemas.ts";
import { CliError } from "../common/exit_status.ts";
import { parseBytes, parseWhole } from "./resources.ts";

/** The values of `--log-opt`, named as in `container.create`. */
export interface LogOptValues {
  readonly maxSize?: number;
  readonly maxFile?: number;
}

/** The options of a container's log. */
export interface LogFlags {
  /** Only `run` has it. */
  readonly log?: true;
  readonly logDriver?: LogDriver;
  readonly logOpt?: LogOptValues;
}

/** Adds one `--log-opt` to those before it. Throws commander's `InvalidArgumentError`. */
export function collectLogOption(text: string, previous: LogOptValues = {}): LogOptValues {
  const at = text.indexOf("=");
  const value = text.slice(at + 1);
  switch (text.slice(0, at)) {
    case "max-size": {
      const maxSize = parseBytes(value);
      if (maxSize < 64 * 1024) throw new InvalidArgumentError("max-size has to be at least 64k");
      return { ...previous, maxSize };
    }
    case "max-file":
      return { ...previous, maxFile: parseWhole(1)(value) };
    default:
      throw new InvalidArgumentError("expected max-size=BYTES or max-file=COUNT");
  }
}

/**
 * Returns the `log` of a `container.create`; undefined where the command line says nothing of it.
 * Throws a {@linkcode CliError} for an option that the driver has not.
 */
export function logFrom({ log, logDriver, logOpt }: LogFlags): LogParams | undefined {
  if (!log && logDriver === undefined && logOpt === undefined) return undefined;
  if (logDriver !== undefined && logDriver !== "cri" && logOpt !== undefined) {
    const name = logOpt.maxSize === undefined ? "max-file" : "max-size";
    throw new CliError(`--log-opt ${name}: the log driver ${logDriver} has no such option`);
  }
  return { driver: logDriver, ...logOpt };
}
