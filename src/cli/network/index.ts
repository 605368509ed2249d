// SPDX-License-Identifier: MIT
import { Command } from "commander";
import { listNetworksCommand } from "./ls.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth network` and its verbs. */
export function networkCommand(): Command {
  const command = new Command("network")
    .summary(VERBS.network.summary)
    .description("Show networks, which CNI plugins make; see docs/networks.md")
    .addHelpText("after", "\nExample:\n  berth network ls")
    .helpCommand(false);
  command.addCommand(listNetworksCommand());
  return command;
}
