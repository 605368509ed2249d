// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import * as z from "zod";
import { InvalidParamsError } from "../errors.ts";
import { bindContract } from "./bind.ts";
import { checkParams } from "./check_params.ts";
import type { ParamSchema } from "./check_params.ts";
import { paramSchemas } from "./json_schema.ts";
import { method } from "./method.ts";
import { Peer } from "../peer/peer.ts";
import { ignore, memoryPair } from "../peer/peer_testing.ts";

const contract = {
  "thing.make": method(
    "thing.make",
    "Makes a thing.",
    z.strictObject({
      id: z.string().min(1),
      size: z.int().optional(),
      parts: z.array(z.strictObject({ name: z.string() })).optional(),
      signal: z.union([z.int(), z.string()]).optional(),
      nested: z.strictObject({ deep: z.strictObject({ ok: z.boolean() }) }).optional(),
    }),
    z.object({ made: z.string() }),
    {},
  ),
  "thing.list": method("thing.list", "Lists.", z.strictObject({}), z.object({}), {}),
} as const;

const SCHEMAS = paramSchemas(contract);

function schemaOf(name: keyof typeof contract): ParamSchema {
  const schema = SCHEMAS[name];
  assert(schema !== undefined);
  return schema;
}

function issuesOf(params: unknown): Record<string, string> {
  try {
    checkParams("thing.make", schemaOf("thing.make"), params);
  } catch (error) {
    assert(error instanceof InvalidParamsError);
    return Object.fromEntries(error.issues.map(({ path, message }) => [path, message]));
  }
  return {};
}

Deno.test("bind: params that do not fit are named by dotted path, unknown keys by their own", () => {
  const issues = issuesOf({
    id: "",
    parts: [{ name: "a" }, { name: 1, extra: true }],
    nested: { deep: { ok: "yes", more: 1 } },
    color: "red",
    signal: false,
  });
  assert.deepEqual(Object.keys(issues).sort(), [
    "color",
    "id",
    "nested.deep.more",
    "nested.deep.ok",
    "parts.1.extra",
    "parts.1.name",
    "signal",
  ]);
  assert.equal(issues["color"], "is unknown");
  assert.equal(issues["nested.deep.more"], "is unknown");
  assert.match(issues["signal"]!, /integer.*string/);
});

Deno.test("bind: params by position are refused with a message that says so", () => {
  assert.match(issuesOf(["a", 1])[""]!, /by name/);
  for (const params of ["bar", 1, null, true]) assert.match(issuesOf(params)[""]!, /object/);
});

Deno.test("bind: params that are left out are an empty object", () => {
  assert.deepEqual(checkParams("thing.list", schemaOf("thing.list"), undefined), {});
});

Deno.test("bind: an inherited name is no way around the schema", () => {
  assert.deepEqual(
    Object.keys(issuesOf(JSON.parse('{"id":"a","__proto__":{"x":1},"constructor":1}'))).sort(),
    ["__proto__", "constructor"],
  );
});

Deno.test("bind: a flood of unknown keys makes a bounded error that names the id", () => {
  const params: Record<string, unknown> = { id: "c1" };
  for (let i = 0; i < 10_000; i++) params[`k${i}`.padEnd(300, "x")] = 1;
  try {
    checkParams("thing.make", schemaOf("thing.make"), params);
    assert.fail("accepted");
  } catch (error) {
    assert(error instanceof InvalidParamsError);
    assert(JSON.stringify(error.data).length < 20_000);
    assert.equal(error.data.id, "c1");
  }
});

Deno.test("bind: no params whatever throw anything but InvalidParams", () => {
  fc.assert(fc.property(fc.jsonValue(), (params) => {
    issuesOf(params);
    issuesOf({ id: "a", nested: params, parts: params });
  }));
});

Deno.test("bindContract calls the function with parsed params, and only then", async () => {
  const seen: unknown[] = [];
  const handlers = bindContract<typeof contract>(paramSchemas(contract), {
    "thing.make": (params) => {
      seen.push(params);
      return { made: params.id };
    },
    "thing.list": () => ({}),
  });
  const [near, far] = memoryPair();
  using _server = new Peer(far, { onError: ignore, handlers });
  using peer = new Peer(near, { onError: ignore });
  assert.deepEqual(await peer.call("thing.make", { id: "a" }), { made: "a" });
  await assert.rejects(peer.call("thing.make", { id: 3 }), (error) => {
    assert(error instanceof InvalidParamsError);
    assert.equal(error.code, -32602);
    assert.deepEqual(error.issues.map((issue) => issue.path), ["id"]);
    return true;
  });
  await assert.rejects(peer.call("thing.break", {}), { kind: "MethodNotFound" });
  assert.deepEqual(seen, [{ id: "a" }]);
});
