// SPDX-License-Identifier: MIT
import type * as z from "zod";
import { ERROR_CODES } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import type { Contract, ErrorCases } from "./method.ts";
import { isRecord } from "../is_record.ts";
import { contractSchemas, resolve } from "./json_schema.ts";
import type { JsonSchema } from "./json_schema.ts";
import { ERROR_KINDS } from "../protocol/error_codec.ts";

/** A parameter or result (OpenRPC "Content Descriptor"). */
export interface ContentDescriptor {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** An error as it goes on the wire (OpenRPC "Error Object"). The message is the condition. */
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

/** A notification that the server sends. An extension: OpenRPC has no notifications. */
export interface OpenRpcNotification {
  readonly name: string;
  readonly summary: string;
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
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly errors: Readonly<Record<string, OpenRpcError>>;
  };
  readonly "x-notifications": readonly OpenRpcNotification[];
}

/** The parts of an OpenRPC document besides the methods. */
export interface OpenRpcOptions {
  /** Name of the API. */
  readonly title: string;
  /** Version of the API. */
  readonly version: string;
  /** Errors that every method can return. */
  readonly errors: ErrorCases;
  /** Notifications that the server sends. */
  readonly notifications?: readonly {
    readonly name: string;
    readonly summary: string;
    readonly params: z.ZodType;
  }[];
}

/** Describes a contract as an OpenRPC document, which is the result of `rpc.discover`. */
export function openrpcDocument(contract: Contract, options: OpenRpcOptions): OpenRpcDocument {
  const { title, version, errors, notifications = [] } = options;
  const { named, params, results } = contractSchemas(contract, notifications);
  const paramsOf = (name: string) => descriptors(params[name] ?? {}, named);
  const document: OpenRpcDocument = {
    openrpc: "1.3.2",
    info: { title, version, license: { name: "MIT" } },
    methods: Object.values(contract).map((method) => ({
      name: method.name,
      summary: method.summary,
      paramStructure: "by-name",
      params: paramsOf(method.name),
      result: { name: "result", required: true, schema: results[method.name] ?? {} },
      errors: [...errorObjects(method.errors), ...references(errors, method.errors)],
    })),
    components: {
      // Generators that resolve references first know a schema's name by its title.
      schemas: Object.fromEntries(
        Object.entries(named).map(([title, schema]) => [title, { title, ...schema }]),
      ),
      errors: Object.fromEntries(
        ERROR_KINDS.map((kind) => [kind, errorObject(kind, errors[kind] ?? kind)]),
      ),
    },
    "x-notifications": notifications.map(({ name, summary }) => ({
      name,
      summary,
      params: paramsOf(name),
    })),
  };
  // Messages are for the check of params; other readers have the pattern and the description.
  return JSON.parse(
    JSON.stringify(document, (key, value) => key === "errorMessage" ? undefined : value),
  );
}

/** Returns an error of each kind. OpenRPC requires codes to be unique within a method. */
function errorObjects(cases: ErrorCases): OpenRpcError[] {
  return ERROR_KINDS.flatMap((kind) => {
    const message = cases[kind];
    return message === undefined ? [] : [errorObject(kind, message)];
  });
}

function errorObject(kind: ErrorKind, message: string): OpenRpcError {
  return { code: ERROR_CODES[kind], message, data: { kind } };
}

/** Returns references to the shared errors that the method does not describe itself. */
function references(shared: ErrorCases, own: ErrorCases): { $ref: string }[] {
  return ERROR_KINDS.filter((kind) => shared[kind] !== undefined && own[kind] === undefined)
    .map((kind) => ({ $ref: `#/components/errors/${kind}` }));
}

/** Returns a descriptor of each member of an object schema; required ones first, as OpenRPC asks. */
function descriptors(
  schema: JsonSchema,
  named: Readonly<Record<string, JsonSchema>>,
): ContentDescriptor[] {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const all = Object.entries(properties).flatMap(([name, member]): ContentDescriptor[] => {
    if (!isRecord(member)) return [];
    const { description } = resolve(member, named);
    return [{
      name,
      ...(typeof description === "string" ? { description } : {}),
      required: required.includes(name),
      schema: member,
    }];
  });
  return [...all.filter((one) => one.required), ...all.filter((one) => !one.required)];
}
