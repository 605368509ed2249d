// SPDX-License-Identifier: MIT
import { stringify } from "smol-toml";
import { z } from "zod";
import { isRecord } from "../../src/rpc/is_record.ts";
import { DEFAULT_CONFIG_FILE } from "../../src/runtime/config/config.ts";
import { configSchema } from "../../src/runtime/config/schema.ts";
import type { JsonSchema } from "../../src/rpc/contract/json_schema.ts";

const INTRO = `# Config

The daemon reads the TOML file given with \`berth daemon --config FILE\`, or \`${DEFAULT_CONFIG_FILE}\` if it
exists. Every key is optional. \`--state\`, \`--root\`, \`--socket\` and \`--log-level\` override the file. An
unknown key, an invalid value or a syntax error aborts startup with an error that names the line or key.
\`berth config\` prints the effective configuration.`;

/** Returns the reference page of the config file, generated from its schema. */
export function configPage(): string {
  const schema = z.toJSONSchema(configSchema, { io: "input" });
  const members = Object.entries(membersOf(schema));
  const top = members.filter(([, member]) => !isTable(member));
  const sections = members.filter(([, member]) => isTable(member)).map(([name, member]) =>
    `## [${name}]\n\n${member.description}\n\n${table(Object.entries(membersOf(member)))}`
  );
  const defaults = stringify(configSchema.parse({}));
  return [
    INTRO,
    "## Top level",
    table(top),
    ...sections,
    "## The defaults, as a file",
    `\`\`\`toml\n${defaults}\n\`\`\``,
  ].join("\n\n");
}

function table(members: readonly (readonly [string, JsonSchema])[]): string {
  const lines = members.map(([name, member]) => {
    const preset = "default" in member ? `\`${JSON.stringify(member.default)}\`` : "";
    return `| \`${name}\` | ${typeText(member)} | ${preset} | ${member.description} |`;
  });
  return `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${lines.join("\n")}`;
}

function typeText(schema: JsonSchema): string {
  if (Array.isArray(schema.enum)) {
    return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(", ");
  }
  const { minimum, maximum } = schema;
  const range = typeof minimum === "number" && typeof maximum === "number"
    ? ` ${minimum} to ${maximum}`
    : "";
  return `${schema.type}${range}`;
}

function isTable(schema: JsonSchema): boolean {
  return schema.type === "object";
}

function membersOf(schema: JsonSchema): Record<string, JsonSchema> {
  const properties = isRecord(schema.properties) ? Object.entries(schema.properties) : [];
  return Object.fromEntries(
    properties.filter((entry): entry is [string, JsonSchema] => isRecord(entry[1])),
  );
}
