// SPDX-License-Identifier: MIT
import { sayError } from "../text/print.ts";
import { exitStatusOf } from "./exit_status.ts";

/**
 * Does something for each of several containers. A failure is told and does not keep the others
 * from their turn; the process then exits with the status of the last one.
 */
export async function forEachId(
  ids: readonly string[],
  act: (id: string) => Promise<void>,
): Promise<void> {
  for (const id of ids) {
    try {
      await act(id);
    } catch (error) {
      sayError(error);
      Deno.exitCode = exitStatusOf(error);
    }
  }
}
