// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { formatCommand } from "../text/format.ts";
import type { ContainerOptions } from "../options/options.ts";
import { labelEntry } from "../options/pairs.ts";
import { CliError } from "../common/exit_status.ts";
import { COMMAND_LABEL } from "../container/container_dirs.ts";
import { readLinesFile } from "../options/environment.ts";
import { type LogFlags, logFrom } from "../options/log_options.ts";
import type { ContainerCreateParams } from "./create_input.ts";

/** Returns the params that do not come from the spec. */
export function commonParams(options: ContainerOptions & LogFlags): Partial<ContainerCreateParams> {
  const log = logFrom(options);
  if (options.rm && options.restart !== undefined && options.restart.policy !== "no") {
    throw new CliError("a container cannot be both removed (--rm) and restarted (--restart)");
  }
  return {
    ...(log !== undefined && { log }),
    ...(options.tty && { terminal: true }),
    ...(options.stopTimeout !== undefined && { stopTimeout: options.stopTimeout }),
    ...(options.restart !== undefined && { restart: options.restart }),
    ...(options.rm && { autoRemove: true }),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(options.group !== undefined && { group: options.group }),
    ...(!options.pivot && { noPivot: true }),
  };
}

/** Returns the labels that the options ask for, and the one that keeps the command. */
export function labelsOf(
  options: ContainerOptions,
  args: readonly string[],
): Record<string, string> {
  const fromFiles = (options.labelFile ?? []).flatMap((path) =>
    readLinesFile(path).map((line) => labelOfFile(path, line))
  );
  return {
    [COMMAND_LABEL]: formatCommand(args),
    ...Object.fromEntries(fromFiles),
    ...options.label,
  };
}

/** Splits a label of a `--label-file`. Throws a {@linkcode CliError} for one that cannot be kept. */
function labelOfFile(path: string, line: string): [key: string, value: string] {
  try {
    return labelEntry(line);
  } catch (error) {
    // Commander prints its own errors only while it parses the options.
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CliError(`${path}: ${error.message}`, { cause: error });
  }
}
