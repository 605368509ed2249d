// SPDX-License-Identifier: MIT
import { printError } from "../text/print.ts";
import { exitStatusOf } from "./exit_status.ts";
import { checkId } from "./ids.ts";

/**
 * Does something for each of several containers. A failure is told and does not keep the others
 * from their turn; the process then exits with the status of the last one. Nothing is done where
 * one of them cannot be an id, such as an option that is mistaken for one.
 */
export async function forEachId(
  ids: readonly string[],
  act: (id: string) => Promise<void>,
): Promise<void> {
  ids.forEach(checkId);
  for (const id of ids) {
    try {
      await act(id);
    } catch (error) {
      printError(error);
      Deno.exitCode = exitStatusOf(error);
    }
  }
}
