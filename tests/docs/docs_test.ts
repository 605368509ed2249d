// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { deno } from "../harness/command.ts";
import { TempDir } from "../harness/temp_dir.ts";
import metaSchemas from "@open-rpc/meta-schema";
import { Ajv } from "ajv";
import { z } from "zod";
import { ROOT } from "../../scripts/root.ts";
import { readExamples } from "../../scripts/docs/examples.ts";
import type { Example } from "../../scripts/docs/examples.ts";
import { generatedFiles, staleFiles } from "../../scripts/docs/pages.ts";
import { discover } from "../../src/runtime/discover.ts";
import { recordExamples } from "../../scripts/docs/record.ts";
import {
  daemonContract,
  daemonErrors,
  eventNotification,
  statsNotification,
} from "../../src/rpc/contract/daemon.ts";
import type { Contract, ErrorCases } from "../../src/rpc/contract/method.ts";
import { daemonErrorData, shimErrorData } from "../../src/rpc/contract/schemas/error_data.ts";
import type { ErrorMembers } from "../../src/rpc/contract/schemas/error_data.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import {
  runtimeCallNotification,
  shimContract,
  shimErrors,
  shimEventNotification,
} from "../../src/rpc/contract/shim.ts";
import { TestDaemon } from "../harness/daemon.ts";

const CONTRACTS = {
  daemon: { methods: daemonContract, errors: daemonErrors, data: daemonErrorData },
  shim: { methods: shimContract, errors: shimErrors, data: shimErrorData },
} as const;

/** Asserts that examples are what their contract says; returns how each ended. */
function checkExamples(
  examples: readonly Example[],
  contract: {
    readonly methods: Contract;
    readonly errors: ErrorCases;
    readonly data: ErrorMembers;
  },
): Map<string, string> {
  return new Map(examples.map(({ method: name, params, result, error }) => {
    const method = contract.methods[name];
    assert(method !== undefined, name);
    method.params.parse(params);
    if (error !== undefined) {
      const { kind } = error.data;
      assert(kind in method.errors || kind in contract.errors, `${name} says nothing of ${kind}`);
      const other = Object.keys(error.data).filter((member) => !(member in contract.data));
      assert.deepEqual(other, [], `${name}: data of ${kind}`);
      return [name, kind];
    }
    assertNothingElse(method.result, result);
    return [name, "result"];
  }));
}

/** Asserts that a value is what its schema says, and has no member that the schema does not name. */
function assertNothingElse(schema: z.ZodType, value: unknown): void {
  schema.parse(value);
  const closed = z.toJSONSchema(schema, {
    io: "output",
    target: "draft-7",
    unrepresentable: "any",
  });
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile({ ...closed });
  assert(validate(value), `${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`);
}

Deno.test("docs: the reference and the client's types are what the sources make them", async () => {
  const stale = await staleFiles(await generatedFiles(await readExamples()));
  assert.deepEqual(stale, [], "run deno task docs");
});

Deno.test("docs: every method has an example, and each still ends as it did", async () => {
  const recorded = await readExamples();
  for (const side of ["daemon", "shim"] as const) {
    const methods = recorded[side].map(({ method }) => method).sort();
    assert.deepEqual(methods, Object.keys(CONTRACTS[side].methods).sort());
  }
  const now = await recordExamples();
  for (const side of ["daemon", "shim"] as const) {
    assert.deepEqual(
      checkExamples(now[side], CONTRACTS[side]),
      checkExamples(recorded[side], CONTRACTS[side]),
    );
  }
  for (const { event, tick, shimEvent, runtimeCall } of [recorded, now]) {
    assertNothingElse(runtimeCallNotification.params, runtimeCall);
    assertNothingElse(eventNotification.params, event);
    assertNothingElse(statsNotification.params, tick);
    assertNothingElse(shimEventNotification.params, shimEvent);
  }
});

Deno.test("rpc.discover answers docs/openrpc.json, which is OpenRPC by its meta-schema", async () => {
  await using daemon = await TestDaemon.start();
  const document = await daemon.peer.call("rpc.discover", {});
  assert.deepEqual(document, JSON.parse(await Deno.readTextFile(`${ROOT}/docs/openrpc.json`)));
  assert.deepEqual(document, JSON.parse(JSON.stringify(discover())));
  const { openrpc: version, methods, components } = Object(document);
  assert.match(version, /^1\.3\.\d+$/);
  const names = methods.map(({ name }: { name: string }) => name);
  assert.deepEqual(names.sort(), Object.keys(daemonContract).sort());
  for (const { name, paramStructure, errors } of methods) {
    assert.equal(paramStructure, "by-name", name);
    const codes = errors.map(({ $ref, code }: { $ref?: string; code?: number }) =>
      $ref === undefined ? code : components.errors[$ref.replace("#/components/errors/", "")].code
    );
    assert.equal(new Set(codes).size, codes.length, `${name}: each code once`);
  }
  for (const [, path = ""] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]*)"/g)) {
    assert(path.split("/").reduce((at, key) => Object(at)[key], document), path);
  }

  // Its types leave out the one value that it has.
  const metaSchema: unknown = Reflect.get(metaSchemas, "openrpcDocument");
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const draft7 = ajv.getSchema("http://json-schema.org/draft-07/schema")?.schema;
  assert(isRecord(metaSchema) && isRecord(draft7) && isRecord(draft7.definitions));
  // It refers to another rendering of JSON Schema's draft 7.
  const reference = { properties: { $ref: { type: "string" } } };
  const definitions = { ...draft7.definitions, JSONSchemaObject: reference };
  ajv.addSchema({ ...draft7, definitions, $id: "https://meta.json-schema.tools/" });
  ajv.addSchema({ $ref: "https://meta.json-schema.tools/" }, "https://meta.json-schema.tools");
  const schema: Record<string, unknown> = { ...metaSchema, $schema: draft7.$id };
  const validate = ajv.compile(schema);
  assert(validate(document), ajv.errorsText(validate.errors));
  const broken = { ...discover(), methods: [{ name: "no params" }] };
  assert(!validate(broken), "the meta-schema does check");
});

Deno.test("docs: everything public is documented, and the package can be published", async () => {
  await deno(ROOT, "doc", "--lint", "mod.ts");
  // Types are checked by `deno task check`.
  const output = await deno(ROOT, "publish", "--dry-run", "--allow-dirty", "--no-check");
  assert.match(output, /mod\.ts/);
  assert.doesNotMatch(
    output,
    /_test(ing)?\.ts|\/testing(\.ts|\/)|\/(tests|scripts|docs|examples)\//,
  );
});

Deno.test("docs: every link between the pages leads to a page, and to a heading of it", async () => {
  const pages = ["README.md", "CONTRIBUTING.md"];
  for (const dir of ["docs", "docs/decisions", "docs/reference"]) {
    for await (const { name } of Deno.readDir(`${ROOT}/${dir}`)) {
      if (name.endsWith(".md")) pages.push(`${dir}/${name}`);
    }
  }
  const broken: string[] = [];
  for (const page of pages) {
    const text = await Deno.readTextFile(`${ROOT}/${page}`);
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!await leadsSomewhere(page, target)) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

async function leadsSomewhere(page: string, target: string): Promise<boolean> {
  const url = new URL(target, `file://${ROOT}/${page}`);
  try {
    if (url.hash === "") return (await Deno.stat(url)).isFile || target.endsWith("/");
    url.hash = "";
    const headings = (await Deno.readTextFile(url)).matchAll(/^#+ (.*)$/gm);
    const anchors = Array.from(
      headings,
      ([, heading = ""]) =>
        `#${heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")}`,
    );
    return anchors.includes(new URL(target, `file://${ROOT}/${page}`).hash);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("docs: the programs on the page about embedding pass the type check", async () => {
  const page = await Deno.readTextFile(`${ROOT}/docs/embedding.md`);
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) =>
    code.replace(/^import .*\n/gm, "")
  );
  assert(blocks.length >= 6);
  using temp = new TempDir();
  const dir = temp.path;
  const file = `${dir}/embedding.ts`;
  await Deno.writeTextFile(
    file,
    [
      `import { connect, type OciSpec } from "${ROOT}/mod.ts";`,
      "declare const spec: OciSpec;",
      "export const client = await connect();",
      ...blocks.map((code) => `{\n${code}}`),
    ].join("\n"),
  );
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  await Deno.writeTextFile(`${dir}/deno.json`, JSON.stringify({ imports }));
  await deno(ROOT, "check", "--config", `${dir}/deno.json`, file);
});
