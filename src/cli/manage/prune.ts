// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { listAllContainers } from "../common/list_containers.ts";
import { orphansBelow, removePaths } from "../container/container_dirs.ts";
import { print } from "../text/print.ts";

/**
 * What is younger is left alone, in milliseconds: a command that creates a container makes its files
 * before the daemon knows of the container.
 */
const MIN_AGE = 10 * 60_000;

/** `berth prune` */
export function pruneCommand(): Command {
  return withSocket(verb(
    "prune",
    "Remove logs and files of containers that are gone",
    "berth prune",
    "berth prune --force",
  ))
    .option("-f, --force", "do not ask")
    .action(async (options: { force?: true }, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const found = orphansBelow(root, Date.now() - MIN_AGE);
        // After the files were looked for: one that was created meanwhile is in it.
        const all = await listAllContainers((params) => daemon.call("container.list", params));
        const ids = new Set(all.map(({ id }) => id));
        const orphans = found.filter(({ id }) => !ids.has(id)).map(({ path }) => path);
        if (orphans.length === 0) return;
        orphans.forEach(print);
        if (!options.force && !confirmed(orphans.length)) return;
        removePaths(orphans);
      });
    });
}

/** Asks the person at the terminal; one that is not there cannot be asked. */
function confirmed(count: number): boolean {
  if (!Deno.stdin.isTerminal()) {
    throw new CliError("nobody can be asked whether to remove these; --force removes them");
  }
  return confirm(`Remove ${count === 1 ? "this" : `these ${count}`} for good?`);
}
