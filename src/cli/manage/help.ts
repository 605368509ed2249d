// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { wholeHelp } from "../text/program_help.ts";
import { print, screenWidth } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth help`, in the place of commander's own, which answers an unknown verb with all the help. */
export function helpCommand(): Command {
  return verb(
    "help",
    VERBS.help.summary,
    "berth help --all",
    "berth help run",
  )
    .option("-a, --all", "what every command does, and the options of berth itself")
    .argument("[verb]", "what to tell about")
    .action((name: string | undefined, options: { all?: true }, { parent }: Command) => {
      if (parent === null) return;
      if (name === undefined && options.all) return print(wholeHelp(parent, screenWidth()));
      if (name === undefined) return parent.outputHelp();
      const told = parent.commands.find((command) => command.name() === name);
      if (told === undefined) return parent.error(`error: unknown command '${name}'`);
      told.outputHelp();
    });
}
