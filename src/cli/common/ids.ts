// SPDX-License-Identifier: MIT
import { ID_PATTERN, ID_RULE } from "../../rpc/contract/ids.ts";
import { CliError } from "./exit_status.ts";

/** Throws a {@linkcode CliError} for what cannot be a container's id, before it is used in paths. */
export function checkId(id: string): void {
  if (!ID_PATTERN.test(id)) throw new CliError(`invalid id ${JSON.stringify(id)}: ${ID_RULE}`);
}
