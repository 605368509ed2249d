// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { shortName } from "../../images/reference.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { verb, withJson, withSocket } from "../common/command.ts";
import { formatAge, formatBytes } from "../text/format.ts";
import { print, printJson, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";
import { usedImages, withStore } from "./store.ts";

interface LsOptions {
  readonly json?: true;
  readonly quiet?: true;
}

/** The digits of an id that people see. */
const SHORT_ID = 12;

/** `berth image ls` and `berth images` */
export function imagesCommand(name: "ls" | "images"): Command {
  return withJson(
    withSocket(verb(name, "List images", `berth ${name === "ls" ? "image ls" : name}`)),
  )
    .option("-q, --quiet", "only ids")
    .action(async (options: LsOptions, command: Command) => {
      await withStore(command, async (store, daemon) => {
        const used = await usedImages(daemon);
        const images = store.images();
        const sizes = store.sizes(images);
        const names = store.names.list();
        const rows = images.flatMap((image) => {
          const own = names.filter(({ id }) => id === image.id).map(({ name }) => name);
          return (own.length > 0 ? own : [undefined]).map((name) => ({
            name,
            id: image.id,
            digest: image.digest,
            created: createdAt(store.configText(image)),
            size: sizes.get(image.id) ?? 0,
            usedBy: used.get(image.id) ?? [],
          }));
        }).sort((a, b) => compareNames(a.name, b.name));
        if (options.quiet) return [...new Set(rows.map(({ id }) => id))].forEach(print);
        if (options.json) return rows.forEach(printJson);
        const table = rows.map(({ name, id, created, size, usedBy }) => [
          name === undefined ? "<none>" : shortName(name),
          id.slice(0, SHORT_ID),
          created === undefined ? "-" : formatAge(Date.now() - Date.parse(created)),
          formatBytes(size),
          usedBy.join(", ") || "-",
        ]);
        const headers = ["IMAGE", "ID", "AGE", "SIZE", "USED BY"];
        const lines = formatTable(headers, table, { right: [2, 3], width: screenWidth() });
        lines.forEach(print);
      });
    });
}

/** Orders names, and what has none behind them. */
function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a < b ? -1 : Number(a > b);
}

function createdAt(config: string): string | undefined {
  const image: unknown = JSON.parse(config);
  const created = isRecord(image) ? image["created"] : undefined;
  return typeof created === "string" && !Number.isNaN(Date.parse(created)) ? created : undefined;
}
