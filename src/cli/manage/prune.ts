// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { listAllContainers } from "../common/containers.ts";
import { confirmRemoval } from "../container/confirm.ts";
import { OrphanRemoval } from "../container/orphan_removal.ts";
import { findOrphans } from "../container/orphans.ts";
import { print, printStderr } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth prune` */
export function pruneCommand(): Command {
  return withSocket(verb(
    "prune",
    VERBS.prune.summary,
    "berth prune",
    "berth prune --force",
  ))
    .option("-f, --force", "do not ask for confirmation")
    .action(async (options: { force?: true }, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const find = () => findOrphans(root, () => listAllContainers(daemon));
        const { old: orphans, young } = await find();
        for (const path of young) {
          printStderr(`berth: left alone, since it was changed in the last 10 minutes: ${path}`);
        }
        if (orphans.length === 0) return;
        orphans.forEach(print);
        if (!options.force && !confirmRemoval(orphans.length)) return;
        // A container may have been created of such an id since that was asked.
        using removal = new OrphanRemoval(orphans);
        const { old: still } = await find();
        for (const path of orphans) if (still.includes(path)) removal.remove(path);
      });
    });
}
