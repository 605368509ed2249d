// SPDX-License-Identifier: MIT
import { Command } from "commander";
import { inspectImageCommand } from "./inspect.ts";
import { importCommand, loadCommand } from "./load.ts";
import { imagesCommand } from "./ls.ts";
import { pullCommand } from "./pull.ts";
import { pruneImagesCommand, rmiCommand } from "./rm.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth image` and its verbs. */
export function imageCommand(): Command {
  const command = new Command("image")
    .summary(VERBS.image.summary)
    .description("Manage images, which skopeo pulls and unpacks")
    .addHelpText("after", "\nExample:\n  berth image pull alpine")
    .helpCommand(false);
  const verbs = [
    pullCommand(),
    imagesCommand("ls").alias("list"),
    rmiCommand("rm").alias("remove"),
    inspectImageCommand(),
    pruneImagesCommand(),
    loadCommand(),
    importCommand(),
  ];
  for (const verb of verbs) command.addCommand(verb);
  return command;
}
