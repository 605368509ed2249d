// SPDX-License-Identifier: MIT
import { refName, resolve } from "../../src/rpc/contract/json_schema.ts";
import type { JsonSchema } from "../../src/rpc/contract/json_schema.ts";
import { isRecord } from "../../src/rpc/is_record.ts";

/** A member of an object: a row of a table. */
interface Row {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** Columns of a table of members, and the schemas that it links. */
export interface TableOptions {
  /** The named schemas, by name. */
  readonly named: Readonly<Record<string, JsonSchema>>;
  /** Adds a column that marks required members. */
  readonly required: boolean;
  /** Text for a schema without members. */
  readonly empty: string;
}

/** Returns the members of an object schema as a Markdown table. Nested members have dotted paths. */
export function memberTable(schema: JsonSchema, options: TableOptions): string {
  const rows = rowsOf(schema, "", options.named);
  if (rows.length === 0) return options.empty;
  const columns = options.required
    ? ["name", "type", "required", "meaning"]
    : ["name", "type", "meaning"];
  const lines = rows.map(({ name, type, required, description }) => {
    const marks = options.required ? [required ? "yes" : ""] : [];
    // A member of a result that may be absent is marked after its name.
    const mark = !options.required && !required ? "?" : "";
    return [`\`${name}\`${mark}`, type, ...marks, description];
  });
  return [columns, columns.map(() => "---"), ...lines].map((cells) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  ).join("\n");
}

function rowsOf(schema: JsonSchema, prefix: string, named: TableOptions["named"]): Row[] {
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const members = Object.entries(isRecord(schema.properties) ? schema.properties : {});
  return members.flatMap(([key, member]) => {
    if (!isRecord(member)) return [];
    const name = `${prefix}${key}`;
    const { description } = resolve(member, named);
    const row = {
      name,
      type: typeText(member),
      required: required.includes(key),
      description: typeof description === "string" ? description : "",
    };
    if (refName(member) !== undefined) return [row];
    const item = isRecord(member.items) ? member.items : undefined;
    if (item !== undefined && refName(item) === undefined) {
      return [row, ...rowsOf(item, `${name}[].`, named)];
    }
    return [row, ...rowsOf(member, `${name}.`, named)];
  });
}

/** Describes a type in words, such as `array of string`. */
export function typeText(schema: JsonSchema): string {
  const name = refName(schema);
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  if (Array.isArray(schema.enum)) {
    return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(", ");
  }
  if ("const" in schema) return `\`${JSON.stringify(schema.const)}\``;
  if (Array.isArray(schema.anyOf)) {
    return schema.anyOf.filter(isRecord).map(typeText).join(" or ");
  }
  switch (schema.type) {
    case "integer":
      return `integer${rangeText(schema)}`;
    case "array":
      return `array of ${isRecord(schema.items) ? typeText(schema.items) : "anything"}`;
    case "object": {
      const values = schema.additionalProperties;
      const isMap = schema.properties === undefined && isRecord(values) &&
        values.type !== undefined;
      return isMap ? `object of ${typeText(values)}` : "object";
    }
    default:
      return typeof schema.type === "string" ? schema.type : "anything";
  }
}

function rangeText({ minimum, maximum }: JsonSchema): string {
  const low = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER;
  const high = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER;
  if (low && high) return ` ${minimum} to ${maximum}`;
  if (low) return ` ≥ ${minimum}`;
  return high ? ` ≤ ${maximum}` : "";
}
