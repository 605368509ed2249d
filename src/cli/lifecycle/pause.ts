// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { print } from "../text/print.ts";

/** `berth pause` */
export function pauseCommand(): Command {
  return withSocket(verb("pause", "Freeze every process of a container", "berth pause web"))
    .argument("<id...>", "containers")
    .action(async (ids: string[], _options: unknown, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          await daemon.call("container.pause", { id });
          print(id);
        });
      });
    });
}
