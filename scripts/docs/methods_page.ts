// SPDX-License-Identifier: MIT
import { ERROR_CODES } from "../../src/rpc/errors.ts";
import { contractSchemas } from "../../src/rpc/contract/json_schema.ts";
import type { ContractSchemas } from "../../src/rpc/contract/json_schema.ts";
import type { Contract, ErrorCases, Method } from "../../src/rpc/contract/method.ts";
import type { ErrorMembers } from "../../src/rpc/contract/schemas/error_data.ts";
import type { z } from "zod";
import type { Example } from "./examples.ts";
import { memberTable, typeText } from "./schema_table.ts";

/** A notification on a page of methods. */
interface Notification {
  readonly name: string;
  readonly summary: string;
  readonly params: z.ZodType;
  /** Params that were once sent. */
  readonly example?: unknown;
}

/** Content of a page of methods. */
export interface MethodsPage {
  /** Text before the first method. */
  readonly intro: string;
  readonly contract: Contract;
  readonly examples: readonly Example[];
  /** The notifications that the server sends. */
  readonly notifications: readonly Notification[];
}

/** Returns a reference page: every method of a contract, then their shared types. */
export function methodsPage(page: MethodsPage): string {
  const methods = Object.values(page.contract);
  const schemas = contractSchemas(page.contract, page.notifications);
  const sections = [
    page.intro,
    methods.map((method) => `- [\`${method.name}\`](#${anchor(method.name)}): ${method.summary}`)
      .join("\n"),
    ...methods.map((method) =>
      methodSection(method, schemas, page.examples.find((one) => one.method === method.name))
    ),
    ...page.notifications.map((one) => notificationSection(one, schemas)),
  ];
  const text = sections.join("\n\n");
  return `${text}\n\n${typesUsedIn(text, schemas.named)}`;
}

/** Returns GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(".", "");
}

function methodSection(
  method: Method,
  { named, params, results }: ContractSchemas,
  example: Example | undefined,
): string {
  const result = results[method.name] ?? {};
  const type = typeText(result);
  return [
    `## ${method.name}`,
    method.summary,
    "**Params**",
    memberTable(params[method.name] ?? {}, { named, required: true, empty: "None." }),
    "**Result**",
    type.startsWith("[") ? type : memberTable(result, { named, required: false, empty: "`{}`" }),
    ...errorSection(method.errors),
    ...exampleSection(example),
  ].join("\n\n");
}

function notificationSection(
  { name, summary, example }: Notification,
  { named, params }: ContractSchemas,
): string {
  return [
    `## Notification ${name}`,
    summary,
    memberTable(params[name] ?? {}, { named, required: false, empty: "No params." }),
    ...(example === undefined ? [] : [fence({ jsonrpc: "2.0", method: name, params: example })]),
  ].join("\n\n");
}

function errorSection(cases: ErrorCases): string[] {
  if (Object.keys(cases).length === 0) return [];
  return ["**Errors**", errorList(cases)];
}

function errorList(cases: ErrorCases): string {
  return Object.entries(cases).map(([kind, when]) => `- \`${kind}\`: ${when}`).join("\n");
}

function exampleSection(example: Example | undefined): string[] {
  if (example === undefined) return [];
  const { method, params, ...answer } = example;
  return [
    "**Example**",
    fence({ jsonrpc: "2.0", id: 1, method, params }),
    fence({ jsonrpc: "2.0", id: 1, ...answer }),
  ];
}

function fence(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}

/** Returns sections for the named types that the text links to, directly or through others. */
function typesUsedIn(text: string, named: ContractSchemas["named"]): string {
  const sections = new Map<string, string>();
  const visit = (from: string): void => {
    for (const [name, schema] of Object.entries(named)) {
      if (sections.has(name) || !from.includes(`(#${name.toLowerCase()})`)) continue;
      const what = schema.type === "object"
        ? memberTable(schema, { named, required: false, empty: "" })
        : `One of ${typeText(schema)}.`;
      sections.set(name, `### ${name}\n\n${schema.description}.\n\n${what}`);
      visit(what);
    }
  };
  visit(text);
  const ordered = Object.keys(named).flatMap((name) => sections.get(name) ?? []);
  return `## Types\n\nA \`?\` marks members that may be absent.\n\n${ordered.join("\n\n")}`;
}

/**
 * Returns the section on the errors that every method can return, what their `data` can hold, and the
 * code of every kind.
 */
export function errorsSection(any: ErrorCases, data: ErrorMembers): string {
  const codes = Object.entries(ERROR_CODES).map(([kind, code]) => `| \`${kind}\` | ${code} |`);
  const members = Object.entries(data).map(([name, what]) => `| \`${name}\` | ${what} |`);
  return [
    "## Errors",
    "`data.kind` is the condition, for programs to match. `message` describes the error for people. " +
    "Every method can return:",
    errorList(any),
    "Members of `data`; all but `kind` may be absent:",
    `| member | what it is |\n| --- | --- |\n${members.join("\n")}`,
    `| kind | code |\n| --- | --- |\n${codes.join("\n")}`,
  ].join("\n\n");
}
