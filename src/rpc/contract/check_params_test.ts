// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { cpuSeconds } from "../../../tests/harness/memory.ts";
import { InvalidParamsError } from "../errors.ts";
import { checkParams } from "./check_params.ts";
import type { ParamSchema } from "./check_params.ts";
import { daemonContract } from "./daemon.ts";
import { paramSchemas } from "./json_schema.ts";
import { shimContract } from "./shim.ts";

const CONTRACTS = { ...daemonContract, ...shimContract };
const SCHEMAS = { ...paramSchemas(daemonContract), ...paramSchemas(shimContract) };

/** Returns the error of a check; undefined if the params match. */
function errorOf(method: string, params: unknown): InvalidParamsError | undefined {
  const schema = SCHEMAS[method];
  assert(schema !== undefined, method);
  try {
    const checked = checkParams(method, schema, params);
    assert.equal(checked, params, "the params are returned as they are");
  } catch (error) {
    assert(error instanceof InvalidParamsError);
    return error;
  }
  return undefined;
}

const create = (params: object) => errorOf("container.create", { id: "c", spec: {}, ...params });

Deno.test("checkParams accepts what the zod schemas accept, whatever the params", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("", "a", "/a", "/a\0b", "file:///a", "file://a", "KILL", "x".repeat(80)),
    fc.constantFrom(-1, 0, 1, 64, 65, 65535, 65536, 1.5, 2 ** 60),
    fc.record({ args: fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 2 }) }),
    fc.array(fc.record({ type: fc.string(), source: fc.string() }), { maxLength: 2 }),
    fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
    fc.constantFrom(...["create", "running", ["exit"], ["nothing"], { a: 1 }, { "": "" }]),
  );
  for (const { name, params: schema } of Object.values(CONTRACTS)) {
    const members = Object.keys(SCHEMAS[name]?.properties ?? {});
    const params = fc.record(
      Object.fromEntries([...members, "unknown"].map((member) => [member, value])),
      { requiredKeys: members.filter((member) => SCHEMAS[name]?.required?.includes(member)) },
    );
    fc.assert(
      fc.property(params, (given) => {
        assert.equal(errorOf(name, given) === undefined, schema.safeParse(given).success);
      }),
      { numRuns: 100 },
    );
  }
});

Deno.test("checkParams takes fractions of seconds within their bounds, and nothing else for them", () => {
  const stop = (timeout: unknown) => errorOf("container.stop", { id: "c", timeout });
  for (const good of [-1, -0.1, 0, 0.5, 10, 365 * 86_400]) assert.equal(stop(good), undefined);
  for (const bad of [-1.1, -2, 1e9, "10", null, {}, [1], NaN, Infinity, true]) {
    assert.deepEqual(stop(bad)?.issues.map(({ path }) => path), ["timeout"], String(bad));
  }
});

Deno.test("checkParams knows every type that the params have", () => {
  const known = ["object", "array", "string", "integer", "number", "boolean", "null", undefined];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("type" in value && typeof value.type !== "object") {
      assert.ok(known.includes(`${value.type}`));
    }
    Object.values(value).forEach(visit);
  };
  visit(SCHEMAS);
});

Deno.test("checkParams keeps a label, a variable and a member named __proto__", () => {
  const text =
    '{"id":"c","spec":{"__proto__":{"a":1}},"labels":{"__proto__":"x","constructor":"y"}}';
  const params = JSON.parse(text);
  assert.equal(errorOf("container.create", params), undefined);
  assert.equal(JSON.stringify(params), text);
  // The zod schemas are public: they keep it too.
  const parsed = daemonContract["container.create"].params.parse(JSON.parse(text));
  assert.equal(JSON.stringify(parsed), text);
});

Deno.test("checkParams refuses labels of more than 64 KiB in total", () => {
  const labels = (count: number, size: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, "é".repeat(size)]));
  assert.equal(create({ labels: labels(1, 32_000) }), undefined);
  assert.deepEqual(create({ labels: labels(1, 32_800) })?.issues.map(({ path }) => path), [
    "labels",
  ]);
  assert.equal(create({ labels: labels(4000, 2) }), undefined);
  assert.match(create({ labels: labels(5000, 0) })?.message ?? "", /labels .*4096 members/);
  assert.match(create({ labels: labels(3, 7 << 20) })?.message ?? "", /labels .*65536 bytes/);
});

Deno.test("checkParams answers 16 MiB of wrong params at once, with few issues", () => {
  const floods: Readonly<Record<string, object>> = {
    rootfs: { rootfs: new Array(6_000_000).fill({}) },
    "rootfs.0.options": {
      rootfs: [{ type: "a", source: "b", options: new Array(6_000_000).fill(1) }],
    },
    labels: { labels: Object.fromEntries(Array.from({ length: 1_000_000 }, (_, i) => [i, 1])) },
    unknown: Object.fromEntries(Array.from({ length: 1_000_000 }, (_, i) => [`k${i}`, 1])),
    id: { id: "a".repeat(16 << 20) },
    runtime: { runtime: "/".repeat(16 << 20) },
  };
  for (const [name, flood] of Object.entries(floods)) {
    const params = { id: "c", spec: {}, ...flood };
    // Of the CPU: on a crowded machine everything takes its time.
    const costs = Array.from({ length: 3 }, () => {
      const before = cpuSeconds(Deno.pid);
      const error = errorOf("container.create", params);
      const cost = cpuSeconds(Deno.pid) - before;
      assert(error !== undefined, name);
      assert(error.issues.length <= 50 && JSON.stringify(error.issues).length < 10_000, name);
      return cost;
    });
    assert(Math.min(...costs) < 1, `${name}: ${costs} s`);
  }
});

Deno.test("checkParams stops at 50 wrong arguments of an exec", () => {
  for (const count of [8_000_000, 200_000]) {
    const args = new Array(count).fill(1);
    const error = errorOf("container.exec", { id: "c", process: { args } });
    assert(error !== undefined && error.issues.length <= 50);
  }
});

Deno.test("check params: every array, record and string of the params has a maximum", () => {
  const unbounded: string[] = [];
  const visit = (path: string, schema: ParamSchema): void => {
    const { type, properties, items, anyOf = [], additionalProperties } = schema;
    const isText = type === "string" && schema.enum === undefined;
    if (isText && schema.maxLength === undefined) unbounded.push(path);
    if (type === "array" && schema.maxItems === undefined) unbounded.push(path);
    if (type === "object" && properties === undefined && additionalProperties) {
      // What bounds a map as a whole bounds its values.
      if (schema.maxProperties === undefined || schema["x-maxBytes"] === undefined) {
        unbounded.push(path);
      }
    }
    for (const [name, member] of Object.entries(properties ?? {})) visit(`${path}.${name}`, member);
    for (const one of [...anyOf, ...(items ? [items] : [])]) visit(path, one);
  };
  for (const [name, schema] of Object.entries(SCHEMAS)) visit(name, schema);
  assert.deepEqual(unbounded, []);
});
