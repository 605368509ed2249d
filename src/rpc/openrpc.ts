// SPDX-License-Identifier: MIT
import { z } from "zod";
import { ERROR_CODES } from "./errors.ts";
import type { Contract } from "./method.ts";
import { isRecord } from "./to_wire.ts";

/** A JSON Schema, draft 7, as OpenRPC asks. */
export type JsonSchema = Record<string, unknown>;

/** A parameter or result (OpenRPC "Content Descriptor"). */
export interface ContentDescriptor {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** A method of an {@linkcode OpenRpcDocument}. */
export interface OpenRpcMethod {
  readonly name: string;
  readonly summary: string;
  readonly paramStructure: "by-name";
  readonly params: readonly ContentDescriptor[];
  readonly result: ContentDescriptor;
  readonly errors: readonly { readonly $ref: string }[];
}

/** A notification that the server sends. OpenRPC has no such thing, hence an extension. */
export interface OpenRpcNotification {
  readonly name: string;
  readonly params: readonly ContentDescriptor[];
}

/** An OpenRPC document: https://spec.open-rpc.org */
export interface OpenRpcDocument {
  readonly openrpc: "1.3.2";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly license: { readonly name: string };
  };
  readonly methods: readonly OpenRpcMethod[];
  readonly components: {
    readonly errors: Readonly<Record<string, { readonly code: number; readonly message: string }>>;
  };
  readonly "x-notifications": readonly OpenRpcNotification[];
}

/** What an {@linkcode openrpcDocument} says beside the methods. */
export interface OpenRpcOptions {
  /** Name of the API. */
  readonly title: string;
  /** Version of the API. */
  readonly version: string;
  /** What the server sends unasked. */
  readonly notifications?: readonly { readonly name: string; readonly params: z.ZodType }[];
}

/** Errors that are answered before any method is known. */
const BEFORE_METHOD: ReadonlySet<string> = new Set([
  "ParseError",
  "InvalidRequest",
  "MethodNotFound",
]);

/** Describes a contract as OpenRPC; this is what `rpc.discover` answers. */
export function openrpcDocument(contract: Contract, options: OpenRpcOptions): OpenRpcDocument {
  const errors = Object.entries(ERROR_CODES);
  const references = errors.filter(([kind]) => !BEFORE_METHOD.has(kind))
    .map(([kind]) => ({ $ref: `#/components/errors/${kind}` }));
  return {
    openrpc: "1.3.2",
    info: { title: options.title, version: options.version, license: { name: "MIT" } },
    methods: Object.values(contract).map((method) => ({
      name: method.name,
      summary: method.summary,
      paramStructure: "by-name",
      params: descriptors(jsonSchema(method.params, "input")),
      result: { name: "result", required: true, schema: jsonSchema(method.result, "output") },
      errors: references,
    })),
    components: {
      errors: Object.fromEntries(
        errors.map(([kind, code]) => [kind, { code, message: kind }]),
      ),
    },
    "x-notifications": (options.notifications ?? []).map(({ name, params }) => ({
      name,
      params: descriptors(jsonSchema(params, "output")),
    })),
  };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: "draft-7",
    unrepresentable: "any",
  });
  return rest;
}

/** The members of an object schema, one by one. */
function descriptors(schema: JsonSchema): ContentDescriptor[] {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).filter((entry): entry is [string, JsonSchema] =>
    isRecord(entry[1])
  ).map(([name, member]) => ({
    name,
    ...(typeof member.description === "string" ? { description: member.description } : {}),
    required: required.includes(name),
    schema: member,
  }));
}
