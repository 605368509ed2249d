// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { collectParsed, verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { listAllContainers } from "../common/list_containers.ts";
import { parseWhole } from "../options/resources.ts";
import { print, printJson, screenWidth } from "../text/print.ts";
import { parseTemplate, renderTemplate, type Template } from "../text/template.ts";
import { CONTAINER_FIELDS } from "./container_fields.ts";
import { type ContainerFilter, parseFilter, passes } from "./container_filter.ts";
import { containerTable, defaultFields } from "./container_table.ts";
import { findOrphans } from "../container/orphans.ts";
import { listProcesses } from "./processes.ts";

interface PsOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly latest?: true;
  readonly last?: number;
  readonly filter?: readonly ContainerFilter[];
  readonly format?: Template | "json";
  readonly trunc: boolean;
}

/** `berth ps` */
export function psCommand(): Command {
  return withJson(withSocket(verb(
    "ps",
    "List containers, or the processes in one",
    "berth ps",
    "berth ps --filter status=exited --format '{{.ID}} {{.Status}}'",
    "berth ps -q --filter label=tier=front",
    "berth ps web",
  )))
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
      "filter by id, name, status, exited or label; may be repeated",
      collectParsed(parseFilter),
    )
    .option("--format <format>", "Go template, column names with commas, or json", parseFormat)
    .option("--no-trunc", "do not cut columns to the width of the screen")
    .argument("[id]", "list the processes in this container")
    .action(async (id: string | undefined, options: PsOptions, command: Command) => {
      await withDaemon(command, async (daemon) => {
        if (id !== undefined) return await listProcesses(daemon, id, options);
        const list = () => listAllContainers((params) => daemon.call("container.list", params));
        printContainers(chosen(await list(), options), options);
        if (isForPrograms(options)) return;
        const { root } = await daemon.call("daemon.info", {});
        await mentionOrphans(root, list);
      });
    });
}

/** Whether the output is not the table of all containers, which a person reads. */
function isForPrograms({ json, quiet, format, filter, latest, last }: PsOptions): boolean {
  const some = latest || last !== undefined || (filter?.length ?? 0) > 0;
  return json === true || quiet === true || format !== undefined || some;
}

/** Says so where files of containers are left that are in no list, as after a reboot. */
async function mentionOrphans(
  root: string,
  list: () => Promise<readonly ContainerState[]>,
): Promise<void> {
  let count: number;
  try {
    count = (await findOrphans(root, list)).length;
  } catch (error) {
    // Not this user's to see, or being removed right now.
    if (error instanceof Deno.errors.PermissionDenied) return;
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (count === 0) return;
  const what = count === 1 ? "a file or directory is" : `${count} files or directories are`;
  console.error(
    `berth: ${what} left of containers that are gone; \`berth prune\` shows and removes them`,
  );
}

/** The containers that the options ask for, oldest first. */
function chosen(containers: readonly ContainerState[], options: PsOptions): ContainerState[] {
  const last = options.latest ? 1 : options.last;
  const found = containers
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
    .filter((container) => passes(container, options.filter ?? []));
  return last === undefined ? found : found.slice(Math.max(0, found.length - last));
}

function printContainers(containers: readonly ContainerState[], options: PsOptions): void {
  const { format } = options;
  if (options.quiet) return containers.forEach((container) => print(container.id));
  if (options.json || format === "json") return containers.forEach(printJson);
  const now = Date.now();
  if (format !== undefined && !format.table) {
    for (const container of containers) {
      print(
        renderTemplate(
          format,
          (field, argument) => CONTAINER_FIELDS[field]?.value(container, now, argument) ?? "",
        ),
      );
    }
    return;
  }
  const width = options.trunc ? screenWidth() : undefined;
  const columns = format === undefined ? defaultFields(containers) : columnsOf(format);
  for (const line of containerTable(containers, now, width, columns)) print(line);
}

function columnsOf(template: Template) {
  return template.pieces.flatMap((piece) => "field" in piece ? [piece] : []);
}

function parseFormat(text: string): Template | "json" {
  if (text === "json") return text;
  try {
    return parseTemplate(text, Object.keys(CONTAINER_FIELDS));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
