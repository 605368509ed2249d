// SPDX-License-Identifier: MIT
import { type Expression, type NameRules, parseExpression } from "./template_expression.ts";

/** A part of a template. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | {
    /** `with` and `range` make their value the dot of their body. */
    readonly kind: "if" | "range" | "with";
    readonly value: Expression;
    readonly body: readonly Node[];
    readonly otherwise: readonly Node[];
  };

/** A parsed template, as docker's `--format` takes it. */
export interface Template {
  /** Whether it asks for a table with headers. */
  readonly table: boolean;
  readonly nodes: readonly Node[];
}

/** The names that a template may use at the top of the data. */
export interface TemplateRules extends NameRules {
  /** Whether names with commas between them make a table of these. Needs `fields`. */
  readonly columns?: boolean;
}

const ACTION = /\{\{(- )?(.*?)( -)?\}\}/gs;

/** An action: its first word, and the rest. */
const WORDS = /^(if|range|with|else|end)\b\s*(.*)$/s;

/**
 * Parses the part of Go's text/template that `--format` is used with: text; values such as
 * `{{.Field}}`, `{{.a.b}}`, `{{.Label "key"}}`, `{{json .}}` and `{{index .labels "key"}}`; `if`,
 * `range`, `with` with `else` and `end`. After `table ` the template has headers. Shorter, names of
 * fields with commas between them ask for a table of these.
 *
 * @throws {SyntaxError} for anything else between braces, or a field that is not there
 */
export function parseTemplate(text: string, rules: TemplateRules = {}): Template {
  if (!text.includes("{{")) {
    if (!rules.columns) throw new SyntaxError("expected a Go template such as {{.id}}, or json");
    const names = text.split(",").map((name) => {
      if (name.trim() === "") throw new SyntaxError("expected names of columns");
      return `{{.${name.trim()}}}`;
    });
    return { table: true, nodes: new Parser(names.join("\t"), rules).whole() };
  }
  const [, table, rest = ""] = /^(table\s+)?(.*)$/s.exec(text) ?? [];
  const unescaped = rest.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  return { table: table !== undefined, nodes: new Parser(unescaped, rules).whole() };
}

/** Reads the pieces of a template one after the other. */
class Parser {
  readonly #pieces: readonly (string | { readonly action: string })[];
  readonly #rules: TemplateRules;
  #at = 0;

  constructor(text: string, rules: TemplateRules) {
    this.#pieces = piecesOf(text);
    this.#rules = rules;
  }

  whole(): Node[] {
    const { nodes, end } = this.#nodes(true);
    if (end !== undefined) {
      throw new SyntaxError(`{{${end}}} without an {{if}}, {{range}} or {{with}}`);
    }
    return nodes;
  }

  /** Reads up to an `else` or `end`, or to the template's end. `atTop`: the dot is the data itself. */
  #nodes(atTop: boolean): { nodes: Node[]; end?: string } {
    const nodes: Node[] = [];
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++] ?? "";
      if (typeof piece === "string") {
        if (piece !== "") nodes.push({ kind: "text", text: piece });
        continue;
      }
      const [, word, rest = ""] = WORDS.exec(piece.action) ?? [];
      if (word === "else" || word === "end") return { nodes, end: piece.action };
      const rules = atTop ? this.#rules : undefined;
      if (word === "if" || word === "range" || word === "with") {
        nodes.push(this.#block(word, parseExpression(rest, rules), atTop));
      } else nodes.push({ kind: "print", value: parseExpression(piece.action, rules) });
    }
    return { nodes };
  }

  #block(kind: "if" | "range" | "with", value: Expression, atTop: boolean): Node {
    const first = this.#nodes(atTop && kind === "if");
    let otherwise: Node[] = [];
    let { end } = first;
    const [, condition] = /^else\s+if\b(.*)$/s.exec(end ?? "") ?? [];
    if (condition !== undefined) {
      // One `end` closes the whole chain.
      const rules = atTop ? this.#rules : undefined;
      return {
        ...{ kind, value, body: first.nodes },
        otherwise: [this.#block("if", parseExpression(condition.trim(), rules), atTop)],
      };
    }
    if (end === "else") ({ nodes: otherwise, end } = this.#nodes(atTop));
    if (end === undefined) throw new SyntaxError(`{{${kind}}} without its {{end}}`);
    if (end !== "end") {
      throw new SyntaxError(
        `{{${end}}} in an {{${kind}}}: expected {{else}}, {{else if …}}, {{end}}`,
      );
    }
    return { kind, value, body: first.nodes, otherwise };
  }
}

/** Returns texts and actions in their order; `{{-` and `-}}` take the blanks beside them. */
function piecesOf(text: string): (string | { readonly action: string })[] {
  const pieces: (string | { readonly action: string })[] = [];
  let at = 0;
  let trim = false;
  const add = (piece: string) => {
    if (/\{\{|\}\}/.test(piece)) {
      throw new SyntaxError(`cannot read ${piece.trim()}: braces do not match`);
    }
    pieces.push(trim ? piece.trimStart() : piece);
  };
  for (const match of text.matchAll(ACTION)) {
    const before = text.slice(at, match.index);
    add(match[1] === undefined ? before : before.trimEnd());
    pieces.push({ action: (match[2] ?? "").trim() });
    trim = match[3] !== undefined;
    at = match.index + match[0].length;
  }
  add(text.slice(at));
  return pieces;
}
