// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";

/**
 * `berth daemon`, for the help and for options before the verb: `main.ts` gives its arguments to the
 * daemon itself, which knows them and does not load the command line.
 */
export function daemonCommand(): Command {
  return verb(
    "daemon",
    'Run the daemon (see "berth daemon --help")',
    "berth daemon --state /run/berth",
  )
    .allowUnknownOption().allowExcessArguments().helpOption(false)
    .action(async (_options: unknown, command: Command) => {
      const { runDaemon } = await import("../../runtime/main.ts");
      const { socket } = command.optsWithGlobals<{ socket?: string }>();
      const global = socket === undefined ? [] : ["--socket", socket];
      Deno.exitCode = await runDaemon([...global, ...command.args]);
    });
}
