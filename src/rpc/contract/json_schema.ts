// SPDX-License-Identifier: MIT
import * as z from "zod";
import { isRecord } from "../is_record.ts";
import type { ParamSchema } from "./check_params.ts";
import type { Contract } from "./method.ts";
import { NAMED_SCHEMAS } from "./named_schemas.ts";

/** A JSON Schema, draft 7, which OpenRPC uses. */
export type JsonSchema = Record<string, unknown>;

/** Where OpenRPC keeps the named schemas. */
const SCHEMAS_PREFIX = "#/components/schemas/";

/** A reference to a named schema, in the text of another one. */
const REFERENCE = new RegExp(`"\\$ref":"${SCHEMAS_PREFIX}(\\w+)"`, "g");

/** The JSON Schemas of a contract. */
export interface ContractSchemas {
  /** The named schemas that others refer to, by name. Every `$ref` refers to one of these. */
  readonly named: Readonly<Record<string, JsonSchema>>;
  /** The schema of each method's params, by method name. */
  readonly params: Readonly<Record<string, JsonSchema>>;
  /** The schema of each method's result, by method name. */
  readonly results: Readonly<Record<string, JsonSchema>>;
}

/** Converts the schemas of a contract, and of further params such as those of notifications. */
export function contractSchemas(
  contract: Contract,
  notifications: readonly { readonly name: string; readonly params: z.ZodType }[] = [],
): ContractSchemas {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(NAMED_SCHEMAS)) registry.add(schema, { id: name });
  // A schema that is named itself cannot have a second name.
  const roots = new Map<string, z.ZodType>();
  for (const { name, params, result } of Object.values(contract)) {
    roots.set(`${name} params`, z.lazy(() => params)).set(`${name} result`, z.lazy(() => result));
  }
  for (const { name, params } of notifications) roots.set(`${name} params`, z.lazy(() => params));
  for (const [id, schema] of roots) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    // Of the two sides of a schema, the one that tolerates further members in results.
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    uri: (id) => `${SCHEMAS_PREFIX}${id}`,
  });
  const pick = (suffix: string) =>
    Object.fromEntries(
      [...roots.keys()].filter((id) => id.endsWith(suffix)).map((id) => [
        id.slice(0, -suffix.length),
        tidy(schemas[id]),
      ]),
    );
  const [params, results] = [pick(" params"), pick(" result")];
  const all = Object.keys(NAMED_SCHEMAS).map((name) => [name, tidy(schemas[name])] as const);
  const used = namesIn([params, results], Object.fromEntries(all));
  return { named: Object.fromEntries(all.filter(([name]) => used.has(name))), params, results };
}

/** Returns the names of the schemas that `part` refers to, by way of others too. */
function namesIn(
  part: unknown,
  named: Readonly<Record<string, JsonSchema>>,
  found: Set<string> = new Set(),
): Set<string> {
  for (const [, name = ""] of JSON.stringify(part).matchAll(REFERENCE)) {
    if (found.has(name)) continue;
    namesIn(named[name] ?? {}, named, found.add(name));
  }
  return found;
}

/** Keywords that zod adds and that say nothing here. */
const NOISE = new Set(["$schema", "$id", "format", "propertyNames"]);

/** Returns a copy of a schema that zod has made, without what says nothing. */
function tidy(value: unknown): JsonSchema {
  if (!isRecord(value)) return {};
  const tidied: JsonSchema = {};
  for (const [key, member] of Object.entries(value)) {
    if (NOISE.has(key) || isNoLimit(key, member)) continue;
    tidied[key] = tidyMember(key, member);
  }
  const { allOf, ...rest } = tidied;
  // zod wraps a reference that has a description of its own, and also one that has none.
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  return Object.keys(rest).length === 0 && isRecord(only) ? only : tidied;
}

function tidyMember(key: string, member: unknown): unknown {
  if (key === "properties" && isRecord(member)) {
    return Object.fromEntries(
      Object.entries(member).map(([name, schema]) => [name, tidy(schema)]),
    );
  }
  if (Array.isArray(member)) return member.map((one) => isRecord(one) ? tidy(one) : one);
  return isRecord(member) ? tidy(member) : member;
}

/** Returns whether a keyword says only that an integer is a safe one. */
function isNoLimit(key: string, value: unknown): boolean {
  return key === "minimum" && value === Number.MIN_SAFE_INTEGER ||
    key === "maximum" && value === Number.MAX_SAFE_INTEGER;
}

/**
 * Returns the schema of each method's params in the form that `checkParams` takes: references are
 * replaced by what they refer to, and descriptions are left out.
 *
 * @throws {TypeError} if a schema uses a keyword that `checkParams` does not know.
 */
export function paramSchemas(contract: Contract): Readonly<Record<string, ParamSchema>> {
  const { named, params } = contractSchemas(contract);
  return Object.fromEntries(
    Object.entries(params).map(([name, schema]) => [name, paramSchema(schema, named)]),
  );
}

const KEYWORDS = new Set([
  ...["type", "enum", "anyOf", "minimum", "maximum", "minLength", "maxLength", "pattern"],
  ...["errorMessage", "items", "minItems", "maxItems", "properties", "required"],
  ...["additionalProperties", "maxProperties", "x-maxBytes"],
]);

function paramSchema(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>): ParamSchema {
  const { description: _, ...rest } = resolve(schema, named);
  for (const key of Object.keys(rest)) {
    if (!KEYWORDS.has(key)) throw new TypeError(`checkParams does not know the keyword ${key}`);
  }
  if (Array.isArray(rest.type)) {
    return { anyOf: rest.type.map((type) => paramSchema({ ...rest, type }, named)) };
  }
  const convert = (one: unknown) => isRecord(one) ? paramSchema(one, named) : one;
  const { anyOf, items, properties, additionalProperties } = rest;
  // Every keyword has been checked, and zod gives each of them the type that JSON Schema asks for.
  return {
    ...rest,
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map(convert) } : {}),
    ...(isRecord(items) ? { items: convert(items) } : {}),
    ...(isRecord(properties)
      ? {
        properties: Object.fromEntries(
          Object.entries(properties).map(([name, member]) => [name, convert(member)]),
        ),
      }
      : {}),
    ...(isRecord(additionalProperties)
      ? { additionalProperties: convert(additionalProperties) }
      : {}),
  } as ParamSchema;
}

/** Returns the name of the schema that a reference refers to; undefined if it is no reference. */
export function refName({ $ref, allOf }: JsonSchema): string | undefined {
  if (typeof $ref === "string") return $ref.slice(SCHEMAS_PREFIX.length);
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  return isRecord(only) ? refName(only) : undefined;
}

/** Returns the schema that a reference refers to, with the reference's own description. */
export function resolve(
  schema: JsonSchema,
  named: Readonly<Record<string, JsonSchema>>,
): JsonSchema {
  const name = refName(schema);
  if (name === undefined) return schema;
  const { $ref: _ref, allOf: _allOf, ...own } = schema;
  return { ...named[name], ...own };
}
