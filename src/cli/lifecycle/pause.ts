// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";

/** `berth pause` */
export function pauseCommand(): Command {
  return withSocket(verb("pause", "Freeze every process of a container", "berth pause web"))
    .argument("<id...>", "containers")
    .action((ids: string[], _options: unknown, command: Command) =>
      actOnEach(command, ids, (daemon, id) => daemon.call("container.pause", { id }))
    );
}
