// SPDX-License-Identifier: MIT
// The program `berth`: its verbs in their groups, and their errors.
import { Command } from "commander";
import { reportUsageErrors, usageStatus } from "../command_line.ts";
import { VERSION } from "../version.ts";
import { parsePath } from "./common/command.ts";
import { exitCodeOf } from "./common/exit_status.ts";
import type { DaemonProgram } from "./common/daemon_program.ts";
import { VERB_GROUPS } from "./text/verb_table.ts";
import { explainUnknown } from "./text/docker_words.ts";
import { printError } from "./text/print.ts";
import { shortHelp } from "./text/program_help.ts";
import { loadVerb, neededVerbs } from "./verbs.ts";

/**
 * Returns the whole command line: every verb, in the order in which help shows them.
 *
 * @param needed The verbs to load, all if left out. The others have a name and a summary alone.
 */
export async function berthProgram(
  daemon: DaemonProgram,
  needed?: readonly string[],
): Promise<Command> {
  const program = new Command("berth")
    .description("Runs OCI containers that outlive their daemon.")
    .version(VERSION, "-v, --version", "print the version")
    .option("--socket <path>", "socket of the daemon", parsePath)
    .enablePositionalOptions()
    // Names alone, so that a summary fits on the line of its command.
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm: (command) => command.name(),
      formatHelp: shortHelp,
    });
  // The former spelling of -v.
  program.version(VERSION, "-V").options.at(-1)?.hideHelp();
  for (const [heading, group] of Object.entries(VERB_GROUPS)) {
    program.commandsGroup(heading);
    for (const [name, { folder, summary }] of Object.entries(group)) {
      const isNeeded = needed?.includes(name) ?? true;
      const command = isNeeded ? await loadVerb(name, folder, daemon) : new Command(name);
      if (!isNeeded) command.summary(summary);
      program.addCommand(command.helpGroup(heading));
    }
  }
  const verbs = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of [program, ...verbs]) {
    reportUsageErrors(command, (text) => explainUnknown(command, text));
  }
  return program.helpCommand(false);
}

/** Runs the command line and returns the exit status. Prints an error in one line. */
export async function runCli(args: readonly string[], daemon: DaemonProgram): Promise<number> {
  // As a shell has it: set to nothing is not set.
  if (Deno.env.get("BERTH_SOCKET") === "") Deno.env.delete("BERTH_SOCKET");
  try {
    const program = await berthProgram(daemon, neededVerbs(args));
    await program.parseAsync(args, { from: "user" });
    return Deno.exitCode;
  } catch (error) {
    const usage = usageStatus(error);
    if (usage !== undefined) return usage;
    printError(error);
    return exitCodeOf(error);
  }
}
