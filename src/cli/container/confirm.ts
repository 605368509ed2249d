// SPDX-License-Identifier: MIT
import { CliError } from "../common/exit_status.ts";

/**
 * Asks at the terminal whether what was shown is to be removed.
 *
 * @throws {CliError} without a terminal, where there is no confirmation.
 */
export function confirmRemoval(count: number): boolean {
  if (!Deno.stdin.isTerminal()) {
    throw new CliError("cannot ask for confirmation without a terminal; --force removes them");
  }
  return confirm(`Remove ${count === 1 ? "this" : `these ${count}`} for good?`);
}
