// SPDX-License-Identifier: MIT
import { z } from "zod";
import { ERROR_CODES } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import type { Contract, ErrorCases } from "./method.ts";
import { isRecord } from "../is_record.ts";
import { ERROR_KINDS } from "../protocol/error_codec.ts";

/** A JSON Schema, draft 7, as OpenRPC asks. */
export type JsonSchema = Record<string, unknown>;

/** A parameter or result (OpenRPC "Content Descriptor"). */
export interface ContentDescriptor {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** An error as it goes on the wire (OpenRPC "Error Object"); the message says when it is answered. */
export interface OpenRpcError {
  readonly code: number;
  readonly message: string;
  readonly data: { readonly kind: ErrorKind };
}

/** A method of an {@linkcode OpenRpcDocument}. */
export interface OpenRpcMethod {
  readonly name: string;
  readonly summary: string;
  readonly paramStructure: "by-name";
  readonly params: readonly ContentDescriptor[];
  readonly result: ContentDescriptor;
  readonly errors: readonly (OpenRpcError | { readonly $ref: string })[];
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
    readonly errors: Readonly<Record<string, OpenRpcError>>;
  };
  readonly "x-notifications": readonly OpenRpcNotification[];
}

/** What an {@linkcode openrpcDocument} says beside the methods. */
export interface OpenRpcOptions {
  /** Name of the API. */
  readonly title: string;
  /** Version of the API. */
  readonly version: string;
  /** What any method may answer. */
  readonly errors: ErrorCases;
  /** What the server sends unasked. */
  readonly notifications?: readonly { readonly name: string; readonly params: z.ZodType }[];
}

/** Describes a contract as OpenRPC; this is what `rpc.discover` answers. */
export function openrpcDocument(contract: Contract, options: OpenRpcOptions): OpenRpcDocument {
  return {
    openrpc: "1.3.2",
    info: { title: options.title, version: options.version, license: { name: "MIT" } },
    methods: Object.values(contract).map((method) => ({
      name: method.name,
      summary: method.summary,
      paramStructure: "by-name",
      params: descriptors(jsonSchema(method.params, "input")),
      result: { name: "result", required: true, schema: jsonSchema(method.result, "output") },
      errors: [...errorObjects(method.errors), ...references(options.errors, method.errors)],
    })),
    components: {
      errors: Object.fromEntries(
        ERROR_KINDS.map((kind) => [kind, errorObject(kind, options.errors[kind] ?? kind)]),
      ),
    },
    "x-notifications": (options.notifications ?? []).map(({ name, params }) => ({
      name,
      params: descriptors(jsonSchema(params, "output")),
    })),
  };
}

/** One for each kind, as OpenRPC asks that codes be unique within a method. */
function errorObjects(cases: ErrorCases): OpenRpcError[] {
  return ERROR_KINDS.flatMap((kind) => {
    const message = cases[kind];
    return message === undefined ? [] : [errorObject(kind, message)];
  });
}

function errorObject(kind: ErrorKind, message: string): OpenRpcError {
  return { code: ERROR_CODES[kind], message, data: { kind } };
}

/** … those that any method may answer and that this one has not in its own words. */
function references(shared: ErrorCases, own: ErrorCases): { $ref: string }[] {
  return ERROR_KINDS.filter((kind) => shared[kind] !== undefined && own[kind] === undefined)
    .map((kind) => ({ $ref: `#/components/errors/${kind}` }));
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
