// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth pause` */
export function pauseCommand(): Command {
  return withSocket(verb("pause", VERBS.pause.summary, "berth pause web"))
    .argument("<id...>", "containers")
    .action((ids: string[], _options: unknown, command: Command) =>
      actOnEach(command, ids, (daemon, id) => daemon.call("container.pause", { id }))
    );
}
