// SPDX-License-Identifier: MIT
import { isRecord } from "../../rpc/is_record.ts";
import { stringifyJson } from "../../rpc/json.ts";
import type { Node, Template } from "./template.ts";
import type { Expression, TemplateFunction } from "./template_expression.ts";

/** The text that Go prints for a member that is not there. */
const NO_VALUE = "<no value>";

/**
 * Returns the text of a template for some data. Members are found in any case of their letters; one
 * that is a function is called with the arguments that the template gives.
 *
 * @throws {TypeError} if the data has another shape than the template thinks
 */
export function renderTemplate({ nodes }: Template, data: unknown): string {
  return renderNodes(nodes, data);
}

function renderNodes(nodes: readonly Node[], dot: unknown): string {
  return nodes.map((node) => renderNode(node, dot)).join("");
}

function renderNode(node: Node, dot: unknown): string {
  if (node.kind === "text") return node.text;
  const value = evaluate(node.value, dot);
  if (node.kind === "print") return textOf(value);
  const otherwise = () => renderNodes(node.otherwise, dot);
  if (!isTrue(value)) return otherwise();
  switch (node.kind) {
    case "if":
      return renderNodes(node.body, dot);
    case "with":
      return renderNodes(node.body, value);
    case "range": {
      if ((!Array.isArray(value) && !isRecord(value)) || hasFunctions(value)) {
        throw new TypeError(`cannot range over ${textOf(value)}`);
      }
      return Object.values(value).map((each) => renderNodes(node.body, each)).join("");
    }
  }
}

function evaluate(expression: Expression, dot: unknown): unknown {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "call":
      return call(expression.name, expression.args.map((arg) => evaluate(arg, dot)));
    case "path": {
      const args = expression.args.map((arg) => textOf(evaluate(arg, dot)));
      let value = expression.of ? evaluate(expression.of, dot) : dot;
      for (const [at, name] of expression.names.entries()) {
        value = memberOf(value, name);
        const isLast = at === expression.names.length - 1;
        if (typeof value === "function") value = value(...isLast ? args : []);
        else if (isLast && args.length > 0) throw new TypeError(`${name} takes no argument`);
      }
      return value;
    }
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw new TypeError(`cannot find ${name} in ${textOf(value)}`);
  const key = Object.hasOwn(value, name)
    ? name
    : Object.keys(value).find((each) => each.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}

function call(name: TemplateFunction, args: readonly unknown[]): unknown {
  const [first, second] = args;
  switch (name) {
    case "json":
      return stringifyJson(first ?? null);
    case "index":
      return args.slice(1).reduce(elementOf, first) ?? "";
    case "len":
      return lengthOf(first);
    case "join":
      if (!Array.isArray(first)) throw new TypeError(`cannot join ${textOf(first)}`);
      return first.map(textOf).join(textOf(second));
    case "lower":
      return textOf(first).toLowerCase();
    case "upper":
      return textOf(first).toUpperCase();
    case "println":
      return `${args.map(textOf).join(" ")}\n`;
    case "not":
      return !isTrue(first);
    case "eq":
      return args.slice(1).some((each) => each === first);
    case "ne":
      return first !== second;
    case "and":
      // The first that is false may itself be undefined, which find says of none, too.
      return args.every(isTrue) ? args.at(-1) : args.find((each) => !isTrue(each));
    case "or":
      return args.find(isTrue) ?? args.at(-1);
  }
}

/** Returns whether it is a row, whose members are to be asked for by their names. */
function hasFunctions(value: object): boolean {
  return Object.values(value).some((member) => typeof member === "function");
}

/** Returns an element as Go's `index` does: the key is taken as it is. */
function elementOf(value: unknown, key: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && typeof key === "number") {
    if (key >= 0 && key < value.length) return value[key];
    throw new TypeError(`there is no element ${key} in ${value.length}`);
  }
  const name = textOf(key);
  if (isRecord(value) && !hasFunctions(value)) {
    return Object.hasOwn(value, name) ? value[name] : undefined;
  }
  throw new TypeError(`cannot index ${textOf(value)}`);
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  if (value === undefined || value === null) return 0;
  throw new TypeError(`${textOf(value)} has no length`);
}

/** Returns whether Go takes a value for true: not undefined, null, false, 0 and empty ones. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Returns a value as a template prints it: objects and lists as JSON. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return NO_VALUE;
  return typeof value === "object" ? stringifyJson(value) : String(value);
}
