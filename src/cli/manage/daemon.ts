// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { VERBS } from "../text/verb_table.ts";

/**
 * `berth daemon`, for the help and for options before the verb: `main.ts` gives its arguments to the
 * daemon itself, which knows them and does not load the command line.
 */
export function daemonCommand(program: DaemonProgram): Command {
  return verb(
    "daemon",
    VERBS.daemon.summary,
    "berth daemon --state /run/berth",
  )
    .allowUnknownOption().allowExcessArguments().helpOption(false)
    .action(async (_options: unknown, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket?: string }>();
      const global = socket === undefined ? [] : ["--socket", socket];
      Deno.exitCode = await program.run([...global, ...command.args]);
    });
}
