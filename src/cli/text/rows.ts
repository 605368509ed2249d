// SPDX-License-Identifier: MIT
// Lays lists out by their fields: as a table, or by a template.
import { boldHeader } from "./print.ts";
import { formatTable } from "./table.ts";
import { parseTemplate, type Template } from "./template.ts";
import { renderTemplate } from "./template_render.ts";

/** A field that a list can show of each of its rows. */
export interface ListField<Row> {
  /** The header of its column. */
  readonly header: string;
  /** `figure`: on the right, and not cut on a narrow screen. */
  readonly kind?: "figure";
  /** Returns its text; `now` in ms since the epoch, `argument` is a template's, as in `{{.Label "key"}}`. */
  value(row: Row, now: number, argument?: string): string;
}

/** The fields of a list, by the names that `--format` has for them, which are docker's. */
export type ListFields<Row> = Readonly<Record<string, ListField<Row>>>;

/** How a list is laid out. */
export interface RowsOptions<Row> {
  /** Columns of the screen; left out: nothing is cut. */
  readonly width?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: number;
  /** Whether the header is not bold even on a terminal. */
  readonly plain?: true;
  /** Returns a cell of a row's field in another color. */
  readonly style?: (text: string, row: Row, field: string | undefined) => string;
}

/** Returns the template of a table with these fields. */
export function columns<Row>(fields: ListFields<Row>, names: readonly string[]): Template {
  return parseTemplate(names.join(), { fields: Object.keys(fields), columns: true });
}

/** Returns a list as a template has it: a table, or as many lines as the template makes of each row. */
export function formatRows<Row>(
  rows: readonly Row[],
  template: Template,
  fields: ListFields<Row>,
  { width, now = Date.now(), plain, style = (text) => text }: RowsOptions<Row> = {},
): string[] {
  if (!template.table) return rows.map((row) => renderTemplate(template, dataOf(row, fields, now)));
  const names = columnFields(template, fields);
  const kinds = names.map((name) => name === undefined ? undefined : fields[name]?.kind);
  const headers = cells(renderTemplate(template, headersOf(fields)));
  const body = rows.map((row) =>
    cells(renderTemplate(template, dataOf(row, fields, now, (text) => text.replaceAll("\t", " "))))
  );
  return formatTable(headers, body, {
    width,
    right: [...kinds.keys()].filter((at) => kinds[at] === "figure"),
    style: (text, at, column) => {
      const row = rows[at];
      if (row === undefined) return plain ? text : boldHeader(text, at);
      return style(text, row, names[column]);
    },
  });
}

function cells(line: string): string[] {
  return line.split("\t");
}

/** Returns a row as a template sees it: each field when it is asked for, and the whole as JSON. */
function dataOf<Row>(
  row: Row,
  fields: ListFields<Row>,
  now: number,
  clean = (text: string) => text,
): unknown {
  const entries = Object.entries(fields).map(([name, field]) =>
    [name, (argument?: string) => clean(field.value(row, now, argument))] as const
  );
  return { ...Object.fromEntries(entries), toJSON: () => row };
}

function headersOf<Row>(fields: ListFields<Row>): unknown {
  return Object.fromEntries(
    Object.entries(fields).map(([name, { header }]) =>
      [name, (argument?: string) => argument ?? header] as const
    ),
  );
}

/** Returns which field each column of a table is; undefined for one of several or of none. */
function columnFields<Row>({ nodes }: Template, fields: ListFields<Row>): (string | undefined)[] {
  const found: (string | undefined)[][] = [[]];
  for (const node of nodes) {
    if (node.kind === "text") {
      const [same = "", ...more] = node.text.split("\t");
      if (same !== "") found.at(-1)?.push(undefined);
      for (const text of more) found.push(text === "" ? [] : [undefined]);
    } else if (node.kind === "print" && node.value.kind === "path" && !node.value.of) {
      const [name = ""] = node.value.names;
      const lower = name.toLowerCase();
      found.at(-1)?.push(Object.keys(fields).find((each) => each.toLowerCase() === lower));
    } else found.at(-1)?.push(undefined);
  }
  return found.map((names) => names.length === 1 ? names[0] : undefined);
}
