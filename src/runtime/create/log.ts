// SPDX-License-Identifier: MIT
// The log of a container: its params, its directory, its state.
import { parentDir } from "../../linux/fs/path_names.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import type { LogDriver, LogRecord } from "../../oci/bundle_layout.ts";
import { logDir } from "../../oci/log_layout.ts";
import type { LogParams, LogState } from "../../rpc/contract/schemas.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import type { Config } from "../config/config.ts";

/** The name of a log in the directory that berth chooses, by its driver. */
const NAMES: Readonly<Record<LogDriver, string>> = {
  cri: "container.log",
  raw: "raw.log",
  none: "",
};

/** Resolves the params of a create's log: members that are left out come from the config. */
export function resolveLog(
  id: string,
  params: LogParams,
  defaults: Config["logs"],
  root: string,
): LogRecord {
  const driver = params.driver ?? defaults.driver;
  const own = params.path === undefined && driver !== "none";
  return {
    driver,
    path: driver === "none" ? "" : params.path ?? `${logDir(root, id)}/${NAMES[driver]}`,
    maxSize: params.maxSize ?? defaults.max_size,
    maxFile: params.maxFile ?? defaults.max_file,
    own,
  };
}

/**
 * Checks what the schema cannot: a log takes the output, so it cannot go to a file as well, and not
 * every driver rotates files.
 */
export function logIssues(
  log: LogParams | undefined,
  stdio: { readonly stdout: string; readonly stderr: string },
  defaults: Pick<Config["logs"], "driver">,
): ParamIssue[] {
  if (log === undefined) return [];
  const issues: ParamIssue[] = [];
  const driver = log.driver ?? defaults.driver;
  for (const name of ["maxSize", "maxFile"] as const) {
    if (log[name] === undefined || driver === "cri") continue;
    issues.push({ path: `log.${name}`, message: `the log driver ${driver} has no such option` });
  }
  for (const name of ["stdout", "stderr"] as const) {
    if (!stdio[name].startsWith("file:")) continue;
    issues.push({ path: name, message: "must be empty or a FIFO where there is a log" });
  }
  if (log.driver === "none" && log.path !== undefined) {
    issues.push({ path: "log.path", message: "there is no file with the driver none" });
  }
  return issues;
}

/** Empties the directory of a log that berth has chosen: an earlier container's is in it, if any. */
export function prepareLog(log: LogRecord | undefined): void {
  if (!log?.own) return;
  removeLog(log);
  Deno.mkdirSync(parentDir(log.path), { recursive: true, mode: 0o700 });
}

/** Removes a log that berth has chosen the directory of. */
export function removeLog(log: LogRecord | undefined): void {
  if (log?.own) removeTree(parentDir(log.path));
}

/** Returns the log as a container's state describes it. */
export function describeLog({ driver, path, maxSize, maxFile }: LogRecord): LogState {
  return { driver, path, maxSize, maxFile };
}
