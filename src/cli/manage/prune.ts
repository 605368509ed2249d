// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { listAllContainers } from "../common/list_containers.ts";
import { confirmed } from "../container/confirm.ts";
import { removePaths } from "../container/container_dirs.ts";
import { findOrphans } from "../container/orphans.ts";
import { print, printStderr } from "../text/print.ts";

/** `berth prune` */
export function pruneCommand(): Command {
  return withSocket(verb(
    "prune",
    "Remove logs and files of containers that are gone",
    "berth prune",
    "berth prune --force",
  ))
    .option("-f, --force", "do not ask for confirmation")
    .action(async (options: { force?: true }, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const { old: orphans, young } = await findOrphans(
          root,
          () => listAllContainers((params) => daemon.call("container.list", params)),
        );
        for (const path of young) {
          printStderr(`berth: left alone, since it was changed in the last 10 minutes: ${path}`);
        }
        if (orphans.length === 0) return;
        orphans.forEach(print);
        if (!options.force && !confirmed(orphans.length)) return;
        removePaths(orphans);
      });
    });
}
