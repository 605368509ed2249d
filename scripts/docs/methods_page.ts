// SPDX-License-Identifier: MIT
import { ERROR_CODES } from "../../src/rpc/errors.ts";
import type { Contract, ErrorCases, Method } from "../../src/rpc/contract/method.ts";
import type { z } from "zod";
import type { Example } from "./examples.ts";
import { jsonSchemaOf } from "./json_schema.ts";
import { NAMED_TYPES } from "./named_types.ts";
import { memberTable, typeText } from "./schema_table.ts";

/** What a page of methods is made of. */
export interface MethodsPage {
  /** What comes before the first method. */
  readonly intro: string;
  readonly contract: Contract;
  readonly examples: readonly Example[];
  /** What the other end sends unasked, with one that was really sent. */
  readonly notification: { readonly name: string; readonly params: z.ZodType };
  readonly notified: unknown;
}

/** A reference page: every method of a contract, then the types that they share. */
export function methodsPage(page: MethodsPage): string {
  const methods = Object.values(page.contract);
  const { name, params } = page.notification;
  const sections = [
    page.intro,
    methods.map((method) => `- [\`${method.name}\`](#${anchor(method.name)}): ${method.summary}`)
      .join("\n"),
    ...methods.map((method) =>
      methodSection(method, page.examples.find((one) => one.method === method.name))
    ),
    `## Notification ${name}`,
    memberTable(jsonSchemaOf(params, "output"), { required: false, empty: "No params." }),
    fence({ jsonrpc: "2.0", method: name, params: page.notified }),
  ];
  const text = sections.join("\n\n");
  return `${text}\n\n${typesUsedIn(text)}`;
}

/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(".", "");
}

function methodSection(method: Method, example: Example | undefined): string {
  const result = jsonSchemaOf(method.result, "output");
  const named = typeText(result);
  return [
    `## ${method.name}`,
    method.summary,
    "**Params**",
    memberTable(jsonSchemaOf(method.params, "input"), { required: true, empty: "None." }),
    "**Result**",
    named.startsWith("[") ? named : memberTable(result, { required: false, empty: "`{}`" }),
    ...errorSection(method.errors),
    ...exampleSection(example),
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

/** The named types that the text links to, and those that these link to. */
function typesUsedIn(text: string): string {
  const sections = new Map<string, string>();
  const visit = (from: string): void => {
    for (const [name, { schema, summary }] of NAMED_TYPES) {
      if (sections.has(name) || !from.includes(`(#${name.toLowerCase()})`)) continue;
      const json = jsonSchemaOf(schema, "output");
      const isObject = json.type === "object";
      const what = isObject
        ? memberTable(json, { required: false, empty: "" })
        : `One of ${typeText({ ...json, title: name })}.`;
      sections.set(name, "");
      sections.set(name, `### ${name}\n\n${summary}\n\n${what}`);
      visit(what);
    }
  };
  visit(text);
  const ordered = [...NAMED_TYPES.keys()].flatMap((name) => sections.get(name) ?? []);
  return `## Types\n\nA \`?\` marks what may be absent.\n\n${ordered.join("\n\n")}`;
}

/** The errors that any method may answer, and the code of every kind. */
export function errorsSection(any: ErrorCases): string {
  const codes = Object.entries(ERROR_CODES).map(([kind, code]) => `| \`${kind}\` | ${code} |`);
  return [
    "## Errors",
    "An error's `data.kind` says what is wrong, for programs; `data.id` and `data.execId` say with " +
    "what, where there is such a thing; `message` says it to people. Any method may answer:",
    errorList(any),
    "A `RuntimeError` has `data.command`, `data.exitCode` and `data.runtimeMessage`: what the OCI " +
    "runtime itself said.",
    `| kind | code |\n| --- | --- |\n${codes.join("\n")}`,
  ].join("\n\n");
}
