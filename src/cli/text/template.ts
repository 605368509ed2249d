// SPDX-License-Identifier: MIT

/** A piece of a template: text, or the name of a field with its argument. */
type Piece =
  | { readonly text: string }
  | { readonly field: string; readonly argument?: string; readonly json: boolean };

/** A parsed template, as docker's `--format` takes it. */
export interface Template {
  /** Whether it asks for a table with headers. */
  readonly table: boolean;
  readonly pieces: readonly Piece[];
}

/** Returns a field's value. */
export type FieldValue = (field: string, argument?: string) => string;

const ACTION = /\{\{(.*?)\}\}/gs;
const FIELD = /^(json +)?\.([A-Za-z]+)(?: +"([^"]*)")?$/;

/**
 * Parses the part of Go's text/template that `--format` is used with: text and `{{.Field}}`,
 * `{{.Label "key"}}` and `{{json .Field}}`, after `table ` with headers; or, shorter, names of fields
 * with commas between them for a table of these.
 *
 * @throws {SyntaxError} for anything else between braces, or a field that is not in `fields`.
 */
export function parseTemplate(text: string, fields: readonly string[]): Template {
  if (!text.includes("{{")) {
    const names = text.split(",").map((name) => findField(name.trim(), fields));
    return { table: true, pieces: joinPieces(names.map((field) => ({ field, json: false }))) };
  }
  const [, table, rest = ""] = /^(table\s+)?(.*)$/s.exec(text) ?? [];
  const unescaped = rest.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of unescaped.matchAll(ACTION)) {
    pieces.push({ text: unescaped.slice(at, match.index) });
    at = match.index + match[0].length;
    const [whole, json, name, argument] = FIELD.exec((match[1] ?? "").trim()) ?? [];
    if (whole === undefined || name === undefined) {
      throw new SyntaxError(`cannot read ${match[0]}: expected {{.Field}} or {{json .Field}}`);
    }
    const field = findField(name, fields);
    pieces.push({ field, json: json !== undefined, ...(argument !== undefined && { argument }) });
  }
  pieces.push({ text: unescaped.slice(at) });
  return { table: table !== undefined, pieces };
}

function joinPieces(fields: readonly Piece[]): Piece[] {
  return fields.flatMap((piece, index) => index === 0 ? [piece] : [{ text: "\t" }, piece]);
}

function findField(name: string, fields: readonly string[]): string {
  const found = fields.find((field) => field.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw new SyntaxError(`no field ${JSON.stringify(name)}: expected ${fields.join(", ")}`);
}

/** Returns the text of a template, each field in the place of its name. */
export function renderTemplate({ pieces }: Template, valueOf: FieldValue): string {
  return pieces.map((piece) => {
    if ("text" in piece) return piece.text;
    const value = valueOf(piece.field, piece.argument);
    return piece.json ? JSON.stringify(value) : value;
  }).join("");
}
