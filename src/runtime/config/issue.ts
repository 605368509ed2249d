// SPDX-License-Identifier: MIT
import * as z from "zod";
import { configSchema } from "./schema.ts";

/** Returns a message that names the key, the fault and the expected value. */
export function describeConfigIssue(issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join(".");
  const at = (text: string) => key === "" ? text : `${key}: ${text}`;
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(issue.path).join(", ");
      return issue.keys.map((name) =>
        `unknown key ${key === "" ? name : `${key}.${name}`} (expected one of ${known})`
      ).join("; ");
    }
    case "invalid_type":
      return at(`expected ${nameOf(issue.expected)}, found ${found(issue.input)}`);
    case "invalid_value":
      return at(
        `expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}, ` +
          `found ${found(issue.input)}`,
      );
    default:
      return at(`expected ${issue.message}, found ${found(issue.input)}`);
  }
}

/** Returns the keys of the table at `path`. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType = configSchema;
  for (const key of path) {
    const table = unwrap(schema);
    schema = table instanceof z.ZodObject ? table.shape[String(key)] ?? table : table;
  }
  const table = unwrap(schema);
  return table instanceof z.ZodObject ? Object.keys(table.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
}

/** TOML's names for the types (toml.io, v1.0.0). */
function nameOf(type: string): string {
  switch (type) {
    case "int":
      return "an integer";
    case "number":
      return "a number";
    case "object":
      return "a table";
    case "string":
    case "boolean":
      return `a ${type}`;
    default:
      return type;
  }
}

function found(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  return JSON.stringify(value) ?? String(value);
}
