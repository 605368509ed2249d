// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { print } from "../text/print.ts";

/** `berth resume` */
export function resumeCommand(): Command {
  return withSocket(
    verb("resume", "Resume every process of a paused container", "berth resume web"),
  )
    .alias("unpause")
    .argument("<id...>", "containers")
    .action(async (ids: string[], _options: unknown, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          await daemon.call("container.resume", { id });
          print(id);
        });
      });
    });
}
