// SPDX-License-Identifier: MIT
import { daemonContract, eventNotification } from "../../src/rpc/contract/daemon.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { jsonSchemaOf } from "./json_schema.ts";
import type { JsonSchema } from "./json_schema.ts";
import { NAMED_TYPES, nameOf } from "./named_types.ts";

/** The module of the client library that holds the types of every method, made from the contract. */
export function clientTypes(): string {
  const named = Array.from(NAMED_TYPES, ([name, { schema, summary }]) => {
    const text = typeOf(jsonSchemaOf(schema, "output"), name);
    const kind = text.startsWith("{") ? `interface ${name} ${text}` : `type ${name} = ${text};`;
    return `/** ${summary} */\nexport ${kind}`;
  });
  const methods = Object.values(daemonContract).map((method) => {
    const params = typeOf(jsonSchemaOf(method.params, "input"));
    const result = typeOf(jsonSchemaOf(method.result, "output"));
    return `/** ${method.summary} */
      readonly ${JSON.stringify(method.name)}: {
        /** What is passed, by name. */
        readonly params: ${params};
        /** What is answered. */
        readonly result: ${result};
      };`;
  });
  const notification = typeOf(jsonSchemaOf(eventNotification.params, "output"));
  return [
    "// SPDX-License-Identifier: MIT",
    "// Made by `deno task docs` from the contract in src/rpc: do not edit.",
    ...named,
    `/** The params of the notification \`${eventNotification.name}\`. */\nexport interface EventNotification ${notification}`,
    `/** Every method of the daemon, by name: its params and its result. */\nexport interface DaemonMethods {\n${
      methods.join("\n")
    }\n}`,
  ].join("\n\n");
}

/** The TypeScript type of a schema: by its name where it has one that is not `own`. */
function typeOf(schema: JsonSchema, own?: string): string {
  const name = nameOf(schema, own);
  if (name !== undefined) return name;
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.anyOf)) {
    return schema.anyOf.filter(isRecord).map((s) => typeOf(s)).join(" | ");
  }
  switch (schema.type) {
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
      return schema.type;
    case "array":
      return isRecord(schema.items) ? arrayOf(typeOf(schema.items)) : "readonly unknown[]";
    case "object":
      return objectType(schema);
    default:
      return "unknown";
  }
}

function arrayOf(type: string): string {
  return type.includes(" | ") && !type.startsWith("{")
    ? `readonly (${type})[]`
    : `readonly ${type}[]`;
}

function objectType(schema: JsonSchema): string {
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const members = Object.entries(isRecord(schema.properties) ? schema.properties : {})
    .filter((entry): entry is [string, JsonSchema] => isRecord(entry[1]))
    .map(([name, member]) => {
      const { description } = member;
      const doc = typeof description === "string" ? `/** ${description}. */\n` : "";
      const type = typeOf(member);
      return required.includes(name)
        ? `${doc}readonly ${name}: ${type};`
        : `${doc}readonly ${name}?: ${type} | undefined;`;
    });
  const others = schema.additionalProperties;
  if (members.length === 0 && others === false) return "Readonly<Record<string, never>>";
  if (isRecord(others)) {
    if (members.length === 0) return `Readonly<Record<string, ${typeOf(others)}>>`;
    members.push(
      "\n/** Whatever else the OCI spec has there. */\nreadonly [key: string]: unknown;",
    );
  }
  return `{\n${members.join("\n")}\n}`;
}
