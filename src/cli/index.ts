// SPDX-License-Identifier: MIT
// The program `berth`: its verbs in their groups, and their errors.
import { Command } from "commander";
import { reportUsageErrors, usageStatus } from "../command_line.ts";
import { VERSION } from "../version.ts";
import { attachCommand } from "./run/attach.ts";
import { callCommand } from "./manage/call.ts";
import { checkpointCommand } from "./lifecycle/checkpoint.ts";
import { parsePath } from "./common/command.ts";
import { exitCodeOf } from "./common/exit_status.ts";
import { containerCommand } from "./lifecycle/container.ts";
import { completionCommand } from "./manage/completion.ts";
import { configCommand } from "./manage/config.ts";
import { cpCommand } from "./run/cp.ts";
import { createCommand } from "./run/create.ts";
import type { DaemonProgram } from "./common/daemon_program.ts";
import { daemonCommand } from "./manage/daemon.ts";
import { eventsCommand } from "./inspect/events.ts";
import { execCommand } from "./run/exec.ts";
import { helpCommand } from "./manage/help.ts";
import { imageCommand } from "./image/index.ts";
import { importCommand, loadCommand } from "./image/load.ts";
import { imagesCommand } from "./image/ls.ts";
import { pullCommand } from "./image/pull.ts";
import { rmiCommand } from "./image/rm.ts";
import { infoCommand } from "./manage/info.ts";
import { installCommand } from "./manage/install.ts";
import { inspectCommand } from "./inspect/inspect.ts";
import { killCommand } from "./lifecycle/kill.ts";
import { logsCommand } from "./inspect/logs.ts";
import { manCommand } from "./manage/man.ts";
import { networkCommand } from "./network/index.ts";
import { portCommand } from "./network/port.ts";
import { pauseCommand } from "./lifecycle/pause.ts";
import { pruneCommand } from "./manage/prune.ts";
import { psCommand } from "./inspect/ps.ts";
import { renameCommand } from "./lifecycle/rename.ts";
import { restartCommand } from "./lifecycle/restart.ts";
import { restoreCommand } from "./lifecycle/restore.ts";
import { resumeCommand } from "./lifecycle/resume.ts";
import { rmCommand } from "./lifecycle/rm.ts";
import { runCommand } from "./run/run.ts";
import { shutdownCommand } from "./manage/shutdown.ts";
import { shimCommand } from "./manage/shim.ts";
import { startCommand } from "./lifecycle/start.ts";
import { stopCommand } from "./lifecycle/stop.ts";
import { statsCommand } from "./inspect/stats.ts";
import { explainUnknown } from "./text/docker_words.ts";
import { printError } from "./text/print.ts";
import { shortHelp } from "./text/program_help.ts";
import { topCommand } from "./inspect/top.ts";
import { updateCommand } from "./lifecycle/update.ts";
import { versionCommand } from "./manage/version.ts";
import { waitCommand } from "./lifecycle/wait.ts";

/** Returns the whole command line: every verb, in the order in which help shows them. */
export function berthProgram(daemon: DaemonProgram): Command {
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
  const groups: Readonly<Record<string, readonly Command[]>> = {
    "Common commands:": [
      runCommand(),
      psCommand(),
      logsCommand(),
      execCommand(),
      startCommand(),
      stopCommand(),
      killCommand(),
      rmCommand(),
      inspectCommand(),
      statsCommand(),
    ],
    "Manage containers:": [
      createCommand(),
      attachCommand(),
      cpCommand(),
      waitCommand(),
      restartCommand(),
      renameCommand(),
      pauseCommand(),
      resumeCommand(),
      updateCommand(),
      checkpointCommand(),
      restoreCommand(),
      containerCommand(),
    ],
    "Images:": [
      pullCommand(),
      imagesCommand("images"),
      rmiCommand("rmi"),
      loadCommand(),
      importCommand(),
      imageCommand(),
    ],
    "Networks:": [
      portCommand(),
      networkCommand(),
    ],
    "Inspect containers:": [
      topCommand(),
      eventsCommand(),
    ],
    "Manage berth:": [
      daemonCommand(daemon),
      configCommand(daemon),
      shutdownCommand(),
      installCommand(daemon),
      infoCommand(),
      pruneCommand(),
      versionCommand(),
      callCommand(),
      shimCommand(),
      completionCommand(),
      manCommand(),
      helpCommand(),
    ],
  };
  for (const [heading, commands] of Object.entries(groups)) {
    program.commandsGroup(heading);
    for (const command of commands) {
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
    await berthProgram(daemon).parseAsync(args, { from: "user" });
    return Deno.exitCode;
  } catch (error) {
    const usage = usageStatus(error);
    if (usage !== undefined) return usage;
    printError(error);
    return exitCodeOf(error);
  }
}
