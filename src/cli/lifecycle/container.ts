// SPDX-License-Identifier: MIT
import { type Filter, passesFilters } from "../text/filter.ts";
import { Command } from "commander";
import { NotFoundError } from "../../rpc/errors.ts";
import { collectParsed, verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/ids.ts";
import { listAllContainers } from "../common/containers.ts";
import { confirmRemoval } from "../container/confirm.ts";
import { removeInstance } from "../container/remove.ts";
import { stateWord } from "../inspect/container_rows.ts";
import { CONTAINER_FILTERS, parseContainerFilter } from "../inspect/container_filter.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth container` and its verb. */
export function containerCommand(): Command {
  return new Command("container")
    .summary(VERBS.container.summary)
    .description("Manages many containers; each verb of one stands alone, such as berth rm")
    .addHelpText("after", "\nExample:\n  berth container prune")
    .helpCommand(false)
    .addCommand(pruneContainersCommand());
}

interface PruneContainersFlags {
  readonly force?: true;
  readonly filter?: readonly Filter[];
}

/** `berth container prune` */
function pruneContainersCommand(): Command {
  return withSocket(verb(
    "prune",
    "Remove all containers that have exited, with their logs",
    "berth container prune",
    "berth container prune --force --filter label=tier=test",
  ))
    .option("-f, --force", "do not ask for confirmation")
    .option(
      "--filter <key=value>",
      "only those of this id, name, exited, ancestor or label; may be repeated",
      collectParsed(parseContainerFilter),
    )
    .action(async (options: PruneContainersFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const all = await listAllContainers(daemon);
        // A container that restarts is not over, and one that was only created may be about to start.
        const exited = new Map(
          all.filter((container) =>
            stateWord(container) === "exited" &&
            passesFilters(container, options.filter, CONTAINER_FILTERS)
          ).map((container) => [container.id, container]),
        );
        const ids = [...exited.keys()];
        if (ids.length === 0) return;
        if (!options.force) {
          ids.forEach(print);
          if (!confirmRemoval(ids.length)) return;
        }
        const { root } = await daemon.call("daemon.info", {});
        await forEachId(ids, async (id) => {
          const found = exited.get(id);
          if (found === undefined) return;
          try {
            // One that has its id by now, or runs again, is not what was asked about.
            await removeInstance(daemon, root, found, false);
          } catch (error) {
            // Another client was faster.
            if (!(error instanceof NotFoundError)) throw error;
          }
          if (options.force) print(id);
        });
      });
    });
}
