// SPDX-License-Identifier: MIT
import { errnoMessageOf } from "../../linux/libc/errno.ts";
import { CliError } from "../common/exit_status.ts";

/**
 * Returns an error of the system as one that names the path which the user has given, not that of a
 * directory that is held open. Any other error is returned as it is.
 *
 * @param verb What was done with it.
 */
export function pathError(path: string, verb: "reach" | "read" | "write", error: unknown): unknown {
  const why = errnoMessageOf(error);
  if (why === undefined) return error;
  return new CliError(`cannot ${verb} ${path}: ${why}`, { cause: error });
}
