// SPDX-License-Identifier: MIT
import { type Filter, passesFilters } from "../text/filter.ts";
import type { Command } from "commander";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { collectParsed, verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { explainFormat, type RowFormat, withRowFormat } from "../common/format_option.ts";
import { listAllContainers } from "../common/containers.ts";
import { parseWhole } from "../options/resources.ts";
import { print, printJson, printStderr, screenWidth } from "../text/print.ts";
import { CONTAINER_FILTERS, parseContainerFilter } from "./container_filter.ts";
import { CONTAINER_FIELDS, containerLines } from "./container_rows.ts";
import { findOrphans } from "../container/orphans.ts";
import { printProcesses } from "./processes.ts";
import { VERBS } from "../text/verb_table.ts";

interface PsFlags {
  readonly json?: true;
  readonly quiet?: true;
  readonly latest?: true;
  readonly last?: number;
  readonly filter?: readonly Filter[];
  readonly format?: RowFormat;
  readonly trunc: boolean;
}

/** `berth ps` */
export function psCommand(): Command {
  return withRowFormat(
    withJson(withSocket(verb(
      "ps",
      VERBS.ps.summary,
      "berth ps",
      "berth ps --filter status=exited --format '{{.ID}} {{.Status}}'",
      "berth ps -q --filter label=tier=front",
      "berth ps web",
    ))),
    Object.keys(CONTAINER_FIELDS),
  )
    .option("-a, --all", "show containers that have exited too (always on)")
    .option("-q, --quiet", "only ids")
    .option("-l, --latest", "only the container created last")
    .option(
      "-n, --last <number>",
      "only the given number of containers, the last created",
      parseWhole(0),
    )
    .option(
      "-f, --filter <key=value>",
      "filter by id, name, status, exited, ancestor or label; may be repeated",
      collectParsed(parseContainerFilter),
    )
    .option("--no-trunc", "do not cut columns to the width of the screen")
    .argument("[id]", "list the processes in this container")
    .action(async (id: string | undefined, options: PsFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        if (id !== undefined) return await printProcesses(daemon, id, options);
        const list = () => listAllContainers(daemon);
        printContainers(chosen(await list(), options), options);
        if (isForPrograms(options)) return;
        const { root } = await daemon.call("daemon.info", {});
        await mentionOrphans(root, list);
      });
    });
}

/** Returns whether the output is not the table of all containers, which a person reads. */
function isForPrograms({ json, quiet, format, filter, latest, last }: PsFlags): boolean {
  const some = latest || last !== undefined || (filter?.length ?? 0) > 0;
  return json === true || quiet === true || format !== undefined || some;
}

/** Prints a hint where files of containers are left that are in no list, as after a reboot. */
async function mentionOrphans(
  root: string,
  list: () => Promise<readonly ContainerState[]>,
): Promise<void> {
  let count: number;
  try {
    count = (await findOrphans(root, list)).old.length;
  } catch (error) {
    // Not this user's to see, or being removed right now.
    if (error instanceof Deno.errors.PermissionDenied) return;
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (count === 0) return;
  const what = count === 1 ? "a file or directory is" : `${count} files or directories are`;
  printStderr(
    `berth: ${what} left of containers that are gone; \`berth prune\` shows and removes them`,
  );
}

/** Returns the containers that the options ask for; as docker has it, the newest first. */
function chosen(containers: readonly ContainerState[], options: PsFlags): ContainerState[] {
  const found = containers
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
    .filter((container) => passesFilters(container, options.filter, CONTAINER_FILTERS));
  return found.slice(0, options.latest ? 1 : options.last);
}

function printContainers(containers: readonly ContainerState[], options: PsFlags): void {
  const { format } = options;
  if (options.quiet) return containers.forEach((container) => print(container.id));
  // For programs, which have always had the oldest first.
  if (options.json || format === "json") return containers.toReversed().forEach(printJson);
  const width = options.trunc ? screenWidth() : undefined;
  const template = format === "table" ? undefined : format;
  explainFormat(() => containerLines(containers, Date.now(), width, template)).forEach(print);
}
