// SPDX-License-Identifier: MIT
// Checks the ids that a command gets, and acts on each.
import type { Command } from "commander";
import { ID_PATTERN, ID_RULE } from "../../rpc/contract/ids.ts";
import { print, printError } from "../text/print.ts";
import { type DaemonConnection, withDaemon } from "./daemon.ts";
import { CliError, exitCodeOf } from "./exit_status.ts";

/** Throws a {@linkcode CliError} for what cannot be a container's id, before it is used in paths. */
export function checkId(id: string): void {
  if (!ID_PATTERN.test(id)) throw new CliError(`invalid id ${JSON.stringify(id)}: ${ID_RULE}`);
}

/**
 * Does something for each of several containers. A failure is told and does not keep the others
 * from their turn; the process then exits with the status of the last one. Nothing is done where
 * one of them cannot be an id, such as an option that is mistaken for one. `explain` returns what is
 * told in place of an error.
 */
export async function forEachId(
  ids: readonly string[],
  act: (id: string) => Promise<void>,
  explain: (error: unknown, id: string) => unknown = (error) => error,
): Promise<void> {
  for (const id of ids) {
    try {
      checkId(id);
    } catch (error) {
      throw await explain(error, id);
    }
  }
  for (const id of ids) {
    try {
      await act(id);
    } catch (cause) {
      const error = await explain(cause, id);
      printError(error);
      Deno.exitCode = exitCodeOf(error);
    }
  }
}

/** Connects to the daemon, does something for each of several containers and prints the ids. */
export async function actOnEach(
  command: Command,
  ids: readonly string[],
  act: (daemon: DaemonConnection, id: string) => Promise<unknown>,
): Promise<void> {
  await withDaemon(command, (daemon) =>
    forEachId(ids, async (id) => {
      await act(daemon, id);
      print(id);
    }));
}
