// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth resume` */
export function resumeCommand(): Command {
  return withSocket(
    verb("resume", VERBS.resume.summary, "berth resume web"),
  )
    .alias("unpause")
    .argument("<id...>", "containers")
    .action((ids: string[], _options: unknown, command: Command) =>
      actOnEach(command, ids, (daemon, id) => daemon.call("container.resume", { id }))
    );
}
