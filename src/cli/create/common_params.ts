// SPDX-License-Identifier: MIT
import { formatCommand } from "../text/format.ts";
import type { ContainerOptions } from "../options/options.ts";
import type { Pairs } from "../options/pairs.ts";
import { CliError } from "../common/exit_status.ts";
import { COMMAND_LABEL } from "../common/labels.ts";
import { logFrom } from "../options/log_options.ts";
import type { ContainerCreateParams } from "./create_input.ts";

/** Returns the params that do not come from the spec. */
export function commonParams(options: ContainerOptions): Partial<ContainerCreateParams> {
  const log = logFrom(options);
  if (options.rm && options.restart !== undefined && options.restart.policy !== "no") {
    throw new CliError("a container cannot be both removed (--rm) and restarted (--restart)");
  }
  return {
    log,
    terminal: options.tty,
    stopTimeout: options.stopTimeout,
    restart: options.restart,
    autoRemove: options.rm,
    runtime: options.runtime,
    group: options.group,
    noPivot: options.pivot ? undefined : true,
  };
}

/** Returns the labels of files and options, and the one that keeps the command. */
export function labelsOf(
  ofFiles: Pairs,
  options: ContainerOptions,
  args: readonly string[],
): Record<string, string> {
  return { [COMMAND_LABEL]: formatCommand(args), ...ofFiles, ...options.label };
}
