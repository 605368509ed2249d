// SPDX-License-Identifier: MIT
import { type Filter, passesFilters } from "../text/filter.ts";
import type { Command } from "commander";
import { explainFormat, type RowFormat, withRowFormat } from "../common/format_option.ts";
import { collectParsed, verb, withJson, withSocket } from "../common/command.ts";
import { print, printJson, screenWidth } from "../text/print.ts";
import { columns, formatRows } from "../text/rows.ts";
import {
  IMAGE_FIELDS,
  IMAGE_FILTERS,
  imageRows,
  matchesReference,
  parseImageFilter,
} from "./image_rows.ts";
import { shortName } from "../../images/reference.ts";
import { usedImages, withStore } from "./store.ts";
import { VERBS } from "../text/verb_table.ts";

interface LsFlags {
  readonly json?: true;
  readonly quiet?: true;
  readonly digests?: true;
  readonly filter?: readonly Filter[];
  readonly format?: RowFormat;
  readonly trunc: boolean;
}

/** The columns of the table. */
const COLUMNS = ["Image", "ID", "CreatedSince", "Size", "UsedBy"];
const WITH_DIGESTS = COLUMNS.toSpliced(1, 0, "Digest");

/** `berth image ls` and `berth images` */
export function imagesCommand(name: "ls" | "images"): Command {
  const spelled = name === "ls" ? "image ls" : name;
  return withRowFormat(
    withJson(withSocket(verb(
      name,
      VERBS.images.summary,
      `berth ${spelled}`,
      `berth ${spelled} --filter reference='my/*' --format '{{.ID}} {{.Tag}}'`,
      `berth ${spelled} -q --filter dangling=true`,
    ))),
    Object.keys(IMAGE_FIELDS),
  )
    .option("-a, --all", "show every image (always on)")
    .option("-q, --quiet", "only ids")
    .option(
      "-f, --filter <key=value>",
      "by reference, dangling or label; may be repeated",
      collectParsed(parseImageFilter),
    )
    .option("--digests", "show the digests of their manifests")
    .option("--no-trunc", "do not cut columns to the width of the screen")
    .argument("[name]", "only images of this name, * for any part of it")
    .action(async (wanted: string | undefined, options: LsFlags, command: Command) => {
      await withStore(command, async (store, daemon) => {
        const rows = imageRows(store, await usedImages(daemon)).filter((row) =>
          passesFilters(row, options.filter, IMAGE_FILTERS) &&
          (wanted === undefined ||
            (row.name !== undefined && matchesReference(shortName(row.name), wanted)))
        );
        const { format } = options;
        if (options.quiet) return [...new Set(rows.map(({ id }) => id))].forEach(print);
        if (options.json || format === "json") return rows.forEach(printJson);
        const width = options.trunc ? screenWidth() : undefined;
        const usual = columns(IMAGE_FIELDS, options.digests ? WITH_DIGESTS : COLUMNS);
        const template = format === undefined || format === "table" ? usual : format;
        explainFormat(() => formatRows(rows, template, IMAGE_FIELDS, { width })).forEach(print);
      });
    });
}
