// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import { collectParsed, verb, withJson, withSocket } from "../common/command.ts";
import { boldHeader, print, printJson, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";
import { parseTemplate, renderTemplate, type Template } from "../text/template.ts";
import {
  IMAGE_FIELDS,
  type ImageFilter,
  imageRows,
  matchesReference,
  parseImageFilter,
  passesFilters,
} from "./image_rows.ts";
import { shortName } from "../../images/reference.ts";
import { usedImages, withStore } from "./store.ts";

interface LsOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly filter?: readonly ImageFilter[];
  readonly format?: Template | "json";
  readonly trunc: boolean;
}

/** The columns of the table. */
const COLUMNS = ["Image", "ID", "CreatedSince", "Size", "UsedBy"];

/** Columns of figures, which stand at the right. */
const FIGURES = ["CreatedSince", "Size", "Containers"];

/** `berth image ls` and `berth images` */
export function imagesCommand(name: "ls" | "images"): Command {
  const spelled = name === "ls" ? "image ls" : name;
  return withJson(withSocket(verb(
    name,
    "List images",
    `berth ${spelled}`,
    `berth ${spelled} --filter reference='my/*' --format '{{.ID}} {{.Tag}}'`,
    `berth ${spelled} -q --filter dangling=true`,
  )))
    .option("-a, --all", "show every image (always on)")
    .option("-q, --quiet", "only ids")
    .option(
      "-f, --filter <key=value>",
      "by reference, dangling or label; may be repeated",
      collectParsed(parseImageFilter),
    )
    .option("--format <format>", "Go template, column names with commas, or json", parseFormat)
    .option("--no-trunc", "do not cut columns to the width of the screen")
    .argument("[name]", "only images of this name, * for any part of it")
    .action(async (wanted: string | undefined, options: LsOptions, command: Command) => {
      await withStore(command, async (store, daemon) => {
        const rows = imageRows(store, await usedImages(daemon)).filter((row) =>
          passesFilters(row, options.filter ?? []) &&
          (wanted === undefined ||
            (row.name !== undefined && matchesReference(shortName(row.name), wanted)))
        );
        const { format } = options;
        if (options.quiet) return [...new Set(rows.map(({ id }) => id))].forEach(print);
        if (options.json || format === "json") return rows.forEach(printJson);
        const now = Date.now();
        if (format !== undefined && !format.table) {
          for (const row of rows) {
            print(renderTemplate(
              format,
              (field, argument) => IMAGE_FIELDS[field]?.value(row, now, argument) ?? "",
            ));
          }
          return;
        }
        const columns = format === undefined
          ? COLUMNS.map((field) => ({ field, argument: undefined }))
          : format.pieces.flatMap((piece) => "field" in piece ? [piece] : []);
        const headers = columns.map(({ field, argument }) =>
          argument ?? IMAGE_FIELDS[field]?.header ?? field
        );
        const cells = rows.map((row) =>
          columns.map(({ field, argument }) => IMAGE_FIELDS[field]?.value(row, now, argument) ?? "")
        );
        const lines = formatTable(headers, cells, {
          right: [...columns.keys()].filter((at) => FIGURES.includes(columns[at]?.field ?? "")),
          width: options.trunc ? screenWidth() : undefined,
          style: boldHeader,
        });
        lines.forEach(print);
      });
    });
}

function parseFormat(text: string): Template | "json" {
  if (text === "json") return text;
  try {
    return parseTemplate(text, Object.keys(IMAGE_FIELDS));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
