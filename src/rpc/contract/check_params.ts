// SPDX-License-Identifier: MIT
import { InvalidParamsError } from "../errors.ts";
import type { ErrorData, ParamIssue } from "../errors.ts";
import { isRecord } from "../is_record.ts";
import { shorten } from "../../error_text.ts";
import { MAX_ID } from "./ids.ts";

/**
 * The part of JSON Schema that the params of a contract use. Daemon and shim have these in generated
 * tables: to derive them takes 45 ms of each start, and the schema library.
 */
export interface ParamSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";
  readonly enum?: readonly string[];
  readonly anyOf?: readonly ParamSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A regular expression that the string must match. */
  readonly pattern?: string;
  /** Message for a string that does not match. The keyword is that of ajv-errors. */
  readonly errorMessage?: string;
  readonly items?: ParamSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, ParamSchema>>;
  readonly required?: readonly string[];
  /** `false` rejects unknown members; a schema applies to them. */
  readonly additionalProperties?: false | ParamSchema;
  readonly maxProperties?: number;
  /** Maximum size of all names and string values together, in bytes of UTF-8. Not of JSON Schema. */
  readonly "x-maxBytes"?: number;
}

/** Checking stops after this many issues: params of 16 MiB could have millions. */
const MAX_ISSUES = 50;
/** Maximum length of a name in the path of an issue; longer names are cut. */
const MAX_NAME = 100;

/**
 * Checks the params of a call and returns them. The returned object is the given one: no member is
 * copied, so that none is lost. Takes time in proportion to the size of the params, and stops after a
 * fixed number of issues.
 *
 * @throws {InvalidParamsError} if the params do not match; the error names each path.
 */
export function checkParams(
  method: string,
  schema: ParamSchema,
  params: unknown = {},
): Readonly<Record<string, unknown>> {
  if (!isRecord(params)) {
    const message = Array.isArray(params)
      ? "must be an object: params are passed by name, not by position"
      : "must be an object";
    throw new InvalidParamsError(`${method}: params ${message}`, [{ path: "", message }]);
  }
  const issues: ParamIssue[] = [];
  check(schema, params, "", issues);
  const [first] = issues;
  if (first === undefined) return params;
  const others = issues.length - 1;
  const more = others === 0
    ? ""
    : ` (and ${others}${others + 1 < MAX_ISSUES ? "" : " or more"} more)`;
  throw new InvalidParamsError(`${method}: ${first.path} ${first.message}${more}`, issues, {
    data: idsIn(params),
  });
}

/** Appends an issue for every value that does not match, until there are {@linkcode MAX_ISSUES}. */
function check(schema: ParamSchema, value: unknown, path: string, issues: ParamIssue[]): void {
  if (schema.anyOf !== undefined) return checkAnyOf(schema.anyOf, value, path, issues);
  if (schema.type === "object") return checkObject(schema, value, path, issues);
  if (schema.type === "array") return checkArray(schema, value, path, issues);
  const message = scalarMessage(schema, value);
  if (message !== undefined) issues.push({ path, message });
}

function checkObject(
  schema: ParamSchema,
  value: unknown,
  path: string,
  issues: ParamIssue[],
): void {
  if (!isRecord(value)) return void issues.push({ path, message: "must be an object" });
  const { properties = {}, additionalProperties: others, maxProperties = Infinity } = schema;
  for (const name of schema.required ?? []) {
    if (own(value, name) === undefined) {
      issues.push({ path: join(path, name), message: "is required" });
    }
  }
  const names = Object.keys(value);
  if (others !== false && names.length > maxProperties) {
    return void issues.push({ path, message: `must not have more than ${maxProperties} members` });
  }
  for (const name of names) {
    if (issues.length >= MAX_ISSUES) return;
    const known = own(properties, name);
    const member = value[name];
    if (known !== undefined) {
      if (member !== undefined) check(known, member, join(path, name), issues);
    } else if (others === false) issues.push({ path: join(path, name), message: "is unknown" });
    else if (others !== undefined) check(others, member, join(path, name), issues);
  }
  const maxBytes = schema["x-maxBytes"] ?? Infinity;
  if (maxBytes < Infinity && exceeds(value, maxBytes)) {
    issues.push({ path, message: `must not be larger than ${maxBytes} bytes in total` });
  }
}

/** Returns the member of this name, but none that is inherited. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Returns whether the names and string values of an object are larger than `maxBytes` in UTF-8. */
function exceeds(value: Readonly<Record<string, unknown>>, maxBytes: number): boolean {
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const [name, member] of Object.entries(value)) {
    for (const text of [name, member]) {
      if (typeof text !== "string") continue;
      // A UTF-16 unit is at least one byte of UTF-8.
      bytes += text.length > maxBytes ? text.length : encoder.encode(text).length;
    }
    if (bytes > maxBytes) return true;
  }
  return false;
}

function checkArray(schema: ParamSchema, value: unknown, path: string, issues: ParamIssue[]): void {
  if (!Array.isArray(value)) return void issues.push({ path, message: "must be an array" });
  const { items, minItems = 0, maxItems = Infinity } = schema;
  if (value.length < minItems) {
    return void issues.push({ path, message: `must have at least ${minItems} elements` });
  }
  if (value.length > maxItems) {
    return void issues.push({ path, message: `must not have more than ${maxItems} elements` });
  }
  for (let i = 0; items !== undefined && i < value.length; i++) {
    if (issues.length >= MAX_ISSUES) return;
    check(items, value[i], join(path, String(i)), issues);
  }
}

/** Reports the issues of the alternative that was meant, or the rules of all. */
function checkAnyOf(
  schemas: readonly ParamSchema[],
  value: unknown,
  path: string,
  issues: ParamIssue[],
): void {
  const messages = new Set<string>();
  for (const schema of schemas) {
    const found: ParamIssue[] = [];
    check(schema, value, path, found);
    // An alternative that matches but for some members is the one that was meant.
    if (found.every((issue) => issue.path !== path)) return void issues.push(...found);
    for (const { message } of found) messages.add(message);
  }
  issues.push({ path, message: [...messages].join(", or ") });
}

/** Returns the reason why a value that has no members does not match. */
function scalarMessage(schema: ParamSchema, value: unknown): string | undefined {
  switch (schema.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "null":
      return value === null ? undefined : "must be null";
    case "integer":
      return integerMessage(schema, value);
    case "number":
      return numberMessage(schema, value);
    case "string":
      return stringMessage(schema, value);
    default:
      return undefined;
  }
}

function integerMessage(schema: ParamSchema, value: unknown): string | undefined {
  const { minimum: min = Number.MIN_SAFE_INTEGER, maximum: max = Number.MAX_SAFE_INTEGER } = schema;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) {
    return undefined;
  }
  if (max < Number.MAX_SAFE_INTEGER) return `must be an integer from ${min} to ${max}`;
  return min > Number.MIN_SAFE_INTEGER
    ? `must be an integer of at least ${min}`
    : "must be an integer";
}

function numberMessage(schema: ParamSchema, value: unknown): string | undefined {
  const { minimum: min = -Infinity, maximum: max = Infinity } = schema;
  const fits = typeof value === "number" && Number.isFinite(value) && value >= min && value <= max;
  return fits ? undefined : `must be a number from ${min} to ${max}`;
}

function stringMessage(schema: ParamSchema, value: unknown): string | undefined {
  const { minLength = 0, maxLength = Infinity, pattern, errorMessage } = schema;
  if (schema.enum !== undefined) {
    const known = typeof value === "string" && schema.enum.includes(value);
    return known ? undefined : `must be one of ${schema.enum.join(", ")}`;
  }
  if (typeof value !== "string") return errorMessage ?? "must be a string";
  if (value.length > maxLength) return `must not be longer than ${maxLength} characters`;
  if (value.length < minLength) return errorMessage ?? "must not be empty";
  if (pattern === undefined || new RegExp(pattern, "u").test(value)) return undefined;
  return errorMessage ?? `must match ${pattern}`;
}

function join(path: string, name: string): string {
  const cut = shorten(name, MAX_NAME);
  return path === "" ? cut : `${path}.${cut}`;
}

/** Returns the ids that the params name, for the error's data. */
function idsIn(params: Readonly<Record<string, unknown>>): ErrorData {
  const { id, execId } = params;
  return {
    ...(typeof id === "string" && id.length <= MAX_ID ? { id } : {}),
    ...(typeof execId === "string" && execId.length <= MAX_ID ? { execId } : {}),
  };
}
