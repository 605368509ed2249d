// SPDX-License-Identifier: MIT
// How each role's command line reports usage errors, and with which exit status.
import { type Command, CommanderError } from "commander";

/** Exit status of a failure of berth itself, as in docker and podman. */
export const EXIT_BERTH = 125;

/**
 * Makes a command report usage errors as "berth: …", or as `explain` has it, and throw instead of exiting.
 */
export function reportUsageErrors(
  command: Command,
  explain: (text: string) => string = (text) => text,
): Command {
  return command.exitOverride().configureOutput({
    outputError: (text, write) => write(explain(text.replace(/^error: /, "berth: "))),
  });
}

/**
 * Returns the exit status where commander has said itself what was wrong, or printed the help that
 * was asked for; undefined for any other error.
 */
export function usageStatus(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? 0 : EXIT_BERTH;
}
