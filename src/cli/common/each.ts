// SPDX-License-Identifier: MIT
import { printError } from "../text/print.ts";
import { exitStatusOf } from "./exit_status.ts";
import { checkId } from "./ids.ts";

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
      Deno.exitCode = exitStatusOf(error);
    }
  }
}
