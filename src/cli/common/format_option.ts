// SPDX-License-Identifier: MIT
// The option `--format`.
import { type Command, InvalidArgumentError } from "commander";
import { print, printJson } from "../text/print.ts";
import { parseTemplate, type Template, type TemplateRules } from "../text/template.ts";
import { renderTemplate } from "../text/template_render.ts";
import { CliError } from "./exit_status.ts";
import { messageOf } from "../../error_text.ts";

/** The value of `--format`. */
export type Format = Template | "json";

/** The value of `--format` of a list; as docker has it, `table` is the usual table. */
export type RowFormat = Format | "table";

/** Adds `--format` for a list, whose fields have docker's names. */
export function withRowFormat(command: Command, fields: readonly string[]): Command {
  return command.option(
    "--format <format>",
    "Go template, column names with commas, table or json",
    (text: string): RowFormat =>
      text === "table" ? text : parseFormat(text, { fields, columns: true }),
  );
}

/**
 * Adds `--format` for objects; `flags` may have a short form. Names that the rules do not know are refused:
 * a script must not take nothing for an answer.
 */
export function withFormat(
  command: Command,
  rules: TemplateRules,
  flags = "-f, --format <format>",
): Command {
  return command.option(
    flags,
    "Go template such as {{.id}}, or json",
    (text: string) => parseFormat(text, rules),
  );
}

/** Parses a `--format`. Throws commander's `InvalidArgumentError`. */
function parseFormat(text: string, rules: TemplateRules): Format {
  if (text === "json") return text;
  try {
    const template = parseTemplate(text, rules);
    if (!template.table || rules.columns) return template;
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
  throw new InvalidArgumentError("there is no table here: leave the word table out");
}

/** Prints an object as a format says. Throws a {@linkcode CliError} where the two do not fit. */
export function printFormatted(format: Format, data: unknown): void {
  if (format === "json") return printJson(data);
  print(explainFormat(() => renderTemplate(format, data)));
}

/**
 * Returns what `render` returns. Throws a {@linkcode CliError} where the template and the data do not fit.
 */
export function explainFormat<T>(render: () => T): T {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError(`--format: ${messageOf(error)}`, { cause: error });
  }
}
