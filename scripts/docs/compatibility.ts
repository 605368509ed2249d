// SPDX-License-Identifier: MIT
import type { OpenRpcDocument, OpenRpcMethod } from "../../src/rpc/contract/openrpc.ts";
import { refName, resolve } from "../../src/rpc/contract/json_schema.ts";
import type { JsonSchema } from "../../src/rpc/contract/json_schema.ts";
import type { ErrorMembers } from "../../src/rpc/contract/schemas/error_data.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { numbersLeftOut } from "./number_limits.ts";

/** A contract as it is kept: its document, and the members that `data` of its errors can have. */
export interface KeptContract extends OpenRpcDocument {
  readonly "x-errorData"?: ErrorMembers;
}

/**
 * Returns what in a document breaks a client that was written for an older one: one line each, empty
 * if nothing does. Params may accept more than before, and results may have more members.
 */
export function incompatibilities(old: KeptContract, current: KeptContract): string[] {
  const methods = new Map(current.methods.map((method) => [method.name, method]));
  const found = old.methods.flatMap((before) => {
    const now = methods.get(before.name);
    if (now === undefined) return [`${before.name}: removed`];
    return methodIssues(before, now, new Comparison(old, current));
  });
  const notifications = new Map(current["x-notifications"].map((one) => [one.name, one]));
  for (const before of old["x-notifications"]) {
    const now = notifications.get(before.name);
    if (now === undefined) found.push(`${before.name}: removed`);
    else {
      const schema = ({ params }: typeof before) => objectOf(params);
      found.push(...new Comparison(old, current).output(schema(before), schema(now), before.name));
    }
  }
  return [...found, ...numberIssues(old, current), ...dataIssues(old, current)];
}

function dataIssues(
  { "x-errorData": before = {} }: KeptContract,
  { "x-errorData": now = {} }: KeptContract,
): string[] {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(now, name));
  return gone.map((name) => `data.${name} of errors: removed`);
}

/**
 * Returns the kinds of error that are gone or have another number. Both documents have all kinds: those
 * that no method lists, too, such as that of a method which does not exist.
 */
function numberIssues(old: OpenRpcDocument, current: OpenRpcDocument): string[] {
  const now = Object.values(current.components.errors);
  const codes = new Map(now.map(({ code, data }) => [data.kind, code]));
  return Object.values(old.components.errors).flatMap(({ code, data: { kind } }) => {
    if (!codes.has(kind)) return [`error ${kind}: removed`];
    return codes.get(kind) === code ? [] : [`error ${kind}: was ${code}, is ${codes.get(kind)}`];
  });
}

/** Whether a version may break clients of an older one: by its major, below 1.0.0 by its minor. */
export function mayBreak(old: string, current: string): boolean {
  const [oldMajor = 0, oldMinor = 0] = old.split(".").map(Number);
  const [major = 0, minor = 0] = current.split(".").map(Number);
  return major > oldMajor || major === oldMajor && major === 0 && minor > oldMinor;
}

function methodIssues(
  before: OpenRpcMethod,
  now: OpenRpcMethod,
  comparison: Comparison,
): string[] {
  return [
    ...comparison.input(closed(objectOf(before.params)), closed(objectOf(now.params)), before.name),
    ...comparison.output(before.result.schema, now.result.schema, `${before.name} result`),
    ...comparison.errors(before, now),
  ];
}

function errorsOf({ errors }: OpenRpcMethod, { components }: OpenRpcDocument) {
  return errors.flatMap((error) => {
    const found = "$ref" in error
      ? components.errors[error.$ref.slice(error.$ref.lastIndexOf("/") + 1)]
      : error;
    return found === undefined ? [] : [found];
  });
}

function objectOf(params: OpenRpcMethod["params"]): JsonSchema {
  return {
    type: "object",
    properties: Object.fromEntries(params.map(({ name, schema }) => [name, schema])),
    required: params.filter(({ required }) => required).map(({ name }) => name),
  };
}

function closed(schema: JsonSchema): JsonSchema {
  return { ...schema, additionalProperties: false };
}

/** Lower bounds of sizes of JSON Schema. */
const LOWER = ["minLength", "minItems"];
/** Upper bounds of sizes of JSON Schema, and berth's own. */
const UPPER = ["maxLength", "maxItems", "maxProperties", "x-maxBytes"];

/** Compares parts of two documents. */
class Comparison {
  readonly #old: OpenRpcDocument;
  readonly #current: OpenRpcDocument;

  constructor(old: OpenRpcDocument, current: OpenRpcDocument) {
    this.#old = old;
    this.#current = current;
  }

  /** Returns the errors that a method no longer answers with. */
  errors(before: OpenRpcMethod, now: OpenRpcMethod): string[] {
    const kinds = new Set(errorsOf(now, this.#current).map(({ data }) => data.kind));
    return errorsOf(before, this.#old).flatMap(({ data: { kind } }) =>
      kinds.has(kind) ? [] : [`${before.name}: error ${kind} removed`]
    );
  }

  /** Returns what `current` refuses of what `old` accepts. */
  input(oldSchema: JsonSchema, currentSchema: JsonSchema, path: string): string[] {
    const old = this.#resolve(oldSchema, this.#old);
    const current = this.#resolve(currentSchema, this.#current);
    const [before, now] = [alternatives(old), alternatives(current)];
    if (before !== undefined || now !== undefined) {
      return (before ?? [old]).flatMap((one) => {
        const tries = (now ?? [current]).map((other) => this.input(one, other, path));
        return tries.toSorted((a, b) => a.length - b.length)[0] ?? [];
      });
    }
    if (current.type !== undefined && !covers(current.type, old.type)) {
      return [`${path}: ${old.type ?? "anything"} is no longer accepted`];
    }
    return [
      ...valueIssues(old, current, path),
      ...this.#objectInput(old, current, path),
      ...this.#items(old, current, (a, b) => this.input(a, b, `${path}[]`)),
    ];
  }

  /** Returns what `current` has that a reader of `old` does not expect, or lacks. */
  output(oldSchema: JsonSchema, currentSchema: JsonSchema, path: string): string[] {
    const old = this.#resolve(oldSchema, this.#old);
    const current = this.#resolve(currentSchema, this.#current);
    const [before, now] = [alternatives(old), alternatives(current)];
    if (before !== undefined || now !== undefined) {
      return (now ?? [current]).flatMap((one) => {
        const tries = (before ?? [old]).map((other) => this.output(other, one, path));
        return tries.toSorted((a, b) => a.length - b.length)[0] ?? [];
      });
    }
    if (old.type !== undefined && !covers(old.type, current.type)) {
      return [`${path}: was ${old.type}, is ${current.type ?? "anything"}`];
    }
    if (old.const !== undefined && current.const !== old.const) {
      return [`${path}: was always ${old.const}`];
    }
    if (Array.isArray(old.enum) && !Array.isArray(current.enum)) {
      return [`${path}: is no longer one of a set`];
    }
    // A client may wait for it. One more breaks none that passes over what it does not know.
    const gone = list(old.enum).filter((value) => !list(current.enum).includes(value));
    const required = new Set(list(current.required));
    const members = membersOf(current);
    return [
      ...gone.map((value) => `${path}: is never ${value} any more`),
      ...numbersLeftOut(current, old).map((key) => `${path}: wider ${key}`),
      ...Object.entries(membersOf(old)).flatMap(([name, before]) => {
        const now = members[name];
        const at = `${path}.${name}`;
        if (now === undefined) return [`${at}: removed`];
        const optional = list(old.required).includes(name) && !required.has(name);
        return [...(optional ? [`${at}: may be absent now`] : []), ...this.output(before, now, at)];
      }),
      ...this.#items(old, current, (a, b) => this.output(a, b, `${path}[]`)),
    ];
  }

  #objectInput(old: JsonSchema, current: JsonSchema, path: string): string[] {
    const [before, now] = [membersOf(old), membersOf(current)];
    const required = new Set(list(old.required));
    const isClosed = current.additionalProperties === false;
    return [
      ...list(current.required).filter((name) => !required.has(name)).map((name) =>
        `${path}.${name}: required now`
      ),
      ...(isClosed && old.additionalProperties !== false && old.type === "object"
        ? [`${path}: other members are no longer accepted`]
        : []),
      ...Object.entries(before).flatMap(([name, schema]) => {
        const other = now[name];
        if (other !== undefined) return this.input(schema, other, `${path}.${name}`);
        return isClosed ? [`${path}.${name}: removed`] : [];
      }),
    ];
  }

  #items(
    old: JsonSchema,
    current: JsonSchema,
    compare: (old: JsonSchema, current: JsonSchema) => string[],
  ): string[] {
    return ["items", "additionalProperties"].flatMap((key) => {
      const [before, now] = [old[key], current[key]];
      return isRecord(before) && isRecord(now) ? compare(before, now) : [];
    });
  }

  #resolve(schema: JsonSchema, { components }: OpenRpcDocument): JsonSchema {
    return refName(schema) === undefined ? schema : resolve(schema, components.schemas);
  }
}

/** Returns what of the scalar values that `old` accepts `current` does not. */
function valueIssues(old: JsonSchema, current: JsonSchema, path: string): string[] {
  const number = (value: unknown, other: number) => typeof value === "number" ? value : other;
  const narrowed = [
    ...numbersLeftOut(old, current),
    ...LOWER.filter((key) => number(current[key], -Infinity) > number(old[key], -Infinity)),
    ...UPPER.filter((key) => number(current[key], Infinity) < number(old[key], Infinity)),
    ...(current.pattern !== undefined && current.pattern !== old.pattern ? ["pattern"] : []),
  ].map((key) => `${path}: narrower ${key}`);
  const [before, accepted] = [valuesOf(old), valuesOf(current)];
  if (accepted === undefined) return narrowed;
  if (before === undefined) return [...narrowed, `${path}: only some values are accepted now`];
  const gone = before.filter((value) => !accepted.includes(value));
  return [...narrowed, ...gone.map((value) => `${path}: ${value} is no longer accepted`)];
}

/** Returns the only values that a schema accepts; undefined where it names none. */
function valuesOf(schema: JsonSchema): string[] | undefined {
  if (schema.const !== undefined) return [String(schema.const)];
  return schema.enum === undefined ? undefined : list(schema.enum);
}

/** Whether every value of type `type` is of type `by`. */
function covers(by: unknown, type: unknown): boolean {
  return by === type || by === "number" && type === "integer";
}

function alternatives(schema: JsonSchema): JsonSchema[] | undefined {
  const { anyOf, type } = schema;
  if (Array.isArray(type)) return type.map((one) => ({ ...schema, type: one }));
  return Array.isArray(anyOf) ? anyOf.filter(isRecord) : undefined;
}

function membersOf({ properties }: JsonSchema): Record<string, JsonSchema> {
  const entries = Object.entries(isRecord(properties) ? properties : {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, JsonSchema] => isRecord(entry[1])),
  );
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
