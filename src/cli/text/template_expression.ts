// SPDX-License-Identifier: MIT

/** An expression between the braces of a template. */
export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  /** `.a.b`, of the dot or of a value; arguments where the last of them is one that takes some. */
  | {
    readonly kind: "path";
    readonly of?: Expression;
    readonly names: readonly string[];
    readonly args: readonly Expression[];
  }
  | {
    readonly kind: "call";
    readonly name: TemplateFunction;
    readonly args: readonly Expression[];
  };

/** The names that stand at the top of a template. */
export interface NameRules {
  /** The names of the members at the top; left out: any. */
  readonly fields?: readonly string[];
  /** Names of docker's that are not at the top, and what to take in place of each. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** The functions of a template, with the fewest arguments that each takes. */
const FUNCTIONS = {
  json: 1,
  index: 2,
  len: 1,
  join: 2,
  lower: 1,
  upper: 1,
  println: 0,
  not: 1,
  eq: 2,
  ne: 2,
  and: 1,
  or: 1,
} as const;

/** A function of a template. */
export type TemplateFunction = keyof typeof FUNCTIONS;

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\.[\w.]*|-?\d+(?:\.\d+)?|\w+|[|()])\s*/y;

/**
 * Parses a pipeline: `.a.b`, `func arg…`, `(…)`, with `|` between them.
 *
 * @throws {SyntaxError} for anything else, or a name that the rules refuse
 */
export function parseExpression(text: string, rules?: NameRules): Expression {
  const tokens = tokensOf(text);
  const parser = new ExpressionParser(text, tokens, rules);
  const expression = parser.pipeline();
  if (!parser.done) throw parser.unreadable();
  return expression;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const token = new RegExp(TOKEN);
  while (token.lastIndex < text.length) {
    const [, found] = token.exec(text) ?? [];
    if (found === undefined) throw unreadable(text);
    tokens.push(found);
  }
  return tokens;
}

function unreadable(text: string): SyntaxError {
  return new SyntaxError(
    `cannot read {{${text}}}: expected {{.Field}}, {{json .Field}} and the like`,
  );
}

function isFunction(name: string): name is TemplateFunction {
  return Object.hasOwn(FUNCTIONS, name);
}

class ExpressionParser {
  readonly #text: string;
  readonly #tokens: readonly string[];
  readonly #rules: NameRules | undefined;
  #at = 0;

  constructor(text: string, tokens: readonly string[], rules: NameRules | undefined) {
    this.#text = text;
    this.#tokens = tokens;
    this.#rules = rules;
  }

  get done(): boolean {
    return this.#at === this.#tokens.length;
  }

  unreadable(): SyntaxError {
    return unreadable(this.#text);
  }

  pipeline(): Expression {
    let left = this.#command();
    while (this.#tokens[this.#at] === "|") {
      this.#at++;
      left = this.#command(left);
    }
    return left;
  }

  /** Reads a call, or a value with its arguments; `piped` is the last argument, as Go has it. */
  #command(piped?: Expression): Expression {
    const first = this.#tokens[this.#at] ?? "";
    if (/^[A-Za-z]/.test(first) && first !== "true" && first !== "false") {
      if (!isFunction(first)) {
        const known = Object.keys(FUNCTIONS).join(", ");
        throw new SyntaxError(`no function ${JSON.stringify(first)}: expected ${known}`);
      }
      this.#at++;
      const args = [...this.#operands(), ...piped ? [piped] : []];
      if (args.length < FUNCTIONS[first]) throw new SyntaxError(`${first} wants an argument more`);
      return { kind: "call", name: first, args };
    }
    const operand = this.#operand();
    if (piped !== undefined || operand === undefined) throw this.unreadable();
    if (operand.kind !== "path") return operand;
    return { ...operand, args: this.#operands() };
  }

  #operands(): Expression[] {
    const operands: Expression[] = [];
    for (let next = this.#operand(); next; next = this.#operand()) operands.push(next);
    return operands;
  }

  /** Returns the next literal, path or expression in parentheses; undefined where there is none. */
  #operand(): Expression | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || token === "|" || token === ")") return undefined;
    this.#at++;
    if (token === "(") {
      const inner = this.pipeline();
      if (this.#tokens[this.#at++] !== ")") throw this.unreadable();
      const after = this.#tokens[this.#at];
      if (!after?.startsWith(".") || after === ".") return inner;
      this.#at++;
      return { kind: "path", of: inner, names: memberNames(after, this.#text), args: [] };
    }
    if (token.startsWith("`")) return { kind: "literal", value: token.slice(1, -1) };
    if (token.startsWith('"')) return { kind: "literal", value: unquote(token) };
    if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
    if (/^-?\d/.test(token)) return { kind: "literal", value: Number(token) };
    if (token.startsWith(".")) return { kind: "path", names: this.#names(token), args: [] };
    throw this.unreadable();
  }

  #names(token: string): string[] {
    if (token === ".") return [];
    const names = memberNames(token, this.#text);
    const [first = ""] = names;
    const { fields, instead = {} } = this.#rules ?? {};
    if (Object.hasOwn(instead, first)) {
      throw new SyntaxError(
        `no field ${JSON.stringify(first)} as docker has it: ${instead[first]}`,
      );
    }
    if (fields && !fields.some((field) => field.toLowerCase() === first.toLowerCase())) {
      throw new SyntaxError(`no field ${JSON.stringify(first)}: expected ${fields.join(", ")}`);
    }
    return names;
  }
}

function memberNames(token: string, text: string): string[] {
  const names = token.slice(1).split(".");
  if (names.includes("")) throw unreadable(text);
  return names;
}

function unquote(token: string): string {
  return token.slice(1, -1).replaceAll(
    /\\(.)/g,
    (_, char: string) => char === "n" ? "\n" : char === "t" ? "\t" : char,
  );
}
