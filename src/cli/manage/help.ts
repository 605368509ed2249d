// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";

/** `berth help`, in the place of commander's own, which answers an unknown verb with all the help. */
export function helpCommand(): Command {
  return verb("help", "Show the help of berth or of a command", "berth help run")
    .argument("[verb]", "what to tell about")
    .action((name: string | undefined, _options: unknown, { parent }: Command) => {
      if (parent === null) return;
      if (name === undefined) return parent.outputHelp();
      const told = parent.commands.find((command) => command.name() === name);
      if (told === undefined) return parent.error(`error: unknown command '${name}'`);
      told.outputHelp();
    });
}
