// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { commandManPage, manPage } from "../text/man_page.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth man` */
export function manCommand(): Command {
  return verb(
    "man",
    VERBS.man.summary,
    "berth man | man -l -",
    "berth man run | man -l -",
  )
    .argument("[verb]", "which command")
    .action((name: string | undefined, _options: unknown, { parent }: Command) => {
      if (parent === null) return;
      if (name === undefined) return print(manPage(parent).trimEnd());
      const told = parent.commands.find((command) => command.name() === name);
      if (told === undefined) return parent.error(`error: unknown command '${name}'`);
      print(commandManPage(told).trimEnd());
    });
}
