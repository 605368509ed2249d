// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { z } from "zod";
import { method } from "../../src/rpc/contract/method.ts";
import type { ErrorCases } from "../../src/rpc/contract/method.ts";
import { openrpcDocument } from "../../src/rpc/contract/openrpc.ts";
import type { OpenRpcDocument } from "../../src/rpc/contract/openrpc.ts";
import { incompatibilities, mayBreak } from "./compatibility.ts";

interface Parts {
  readonly params?: z.ZodType;
  readonly result?: z.ZodType;
  readonly errors?: ErrorCases;
  readonly notification?: z.ZodType;
}

const PARAMS = {
  id: z.string().max(76).regex(/^a/),
  signal: z.union([z.int().min(1).max(64), z.string()]),
  all: z.boolean().optional(),
  kinds: z.array(z.enum(["x", "y"])).max(10).optional(),
  nested: z.strictObject({ a: z.string(), b: z.string().optional() }).optional(),
};
const RESULT = {
  pid: z.int(),
  status: z.enum(["up", "down"]),
  list: z.array(z.object({ id: z.string(), at: z.string().optional() })),
};

function documentOf(
  { params, result, errors, notification }: Parts,
  name = "thing.kill",
): OpenRpcDocument {
  const contract = {
    [name]: method(
      name,
      "…",
      params ?? z.strictObject(PARAMS),
      result ?? z.object(RESULT),
      errors ?? { NotFound: "no such thing" },
    ),
  };
  return openrpcDocument(contract, {
    ...{ title: "t", version: "1.0.0", errors: { Internal: "a bug" } },
    notifications: [{ name: "note", summary: "…", params: notification ?? z.object(RESULT) }],
  });
}

const before = documentOf({});
const issues = (parts: Parts) => incompatibilities(before, documentOf(parts));
const params = (changes: Readonly<Record<string, z.ZodType>>) =>
  issues({ params: z.strictObject({ ...PARAMS, ...changes }) });
const result = (changes: Readonly<Record<string, z.ZodType>>) =>
  issues({ result: z.object({ ...RESULT, ...changes }) });

Deno.test("incompatibilities: a member of the errors' data that is gone, and none that is new", () => {
  const having = (...names: string[]) => ({
    ...before,
    "x-errorData": Object.fromEntries(names.map((name) => [name, "…"])),
  });
  assert.deepEqual(incompatibilities(having("kind", "exitCode"), having("kind", "exitCode2")), [
    "data.exitCode of errors: removed",
  ]);
  assert.deepEqual(incompatibilities(before, having("kind")), []);
});

Deno.test("incompatibilities: none in the same document, nor in one that accepts and tells more", () => {
  assert.deepEqual(issues({}), []);
  assert.deepEqual(
    params({
      extra: z.string().optional(),
      id: z.string().max(100).optional(),
      signal: z.union([z.number(), z.string(), z.boolean()]),
      kinds: z.array(z.enum(["x", "y", "z"])).max(20).optional(),
      nested: z.strictObject({ a: z.string().optional(), b: z.string().optional() }).optional(),
    }),
    [],
  );
  assert.deepEqual(
    result({
      extra: z.string(),
      status: z.enum(["up", "down", "paused"]),
      list: z.array(z.object({ id: z.string(), at: z.string(), more: z.int() })),
    }),
    [],
  );
  assert.deepEqual(issues({ errors: { NotFound: "other words", AlreadyExists: "new" } }), []);
});

Deno.test("incompatibilities: each thing that breaks a client is found", () => {
  const { all: _, ...fewer } = PARAMS;
  const { pid: _pid, ...less } = RESULT;
  const table: [found: string[], expected: string][] = [
    [incompatibilities(before, documentOf({}, "thing.end")), "thing.kill: removed"],
    [issues({ params: z.strictObject(fewer) }), "thing.kill.all: removed"],
    [params({ force: z.boolean() }), "thing.kill.force: required now"],
    [params({ all: z.boolean() }), "thing.kill.all: required now"],
    [params({ id: z.int() }), "thing.kill.id: string is no longer accepted"],
    [params({ id: z.string().max(75).regex(/^a/) }), "thing.kill.id: narrower maxLength"],
    [params({ id: z.string().max(76).min(2).regex(/^a/) }), "thing.kill.id: narrower minLength"],
    [params({ id: z.string().max(76).regex(/^b/) }), "thing.kill.id: narrower pattern"],
    [params({ id: z.enum(["a"]) }), "thing.kill.id: only some values are accepted now"],
    [params({ id: z.literal("a") }), "thing.kill.id: only some values are accepted now"],
    [params({ signal: z.int().min(1).max(64) }), "thing.kill.signal: string is no longer accepted"],
    [
      params({ signal: z.union([z.int().min(2).max(64), z.string()]) }),
      "thing.kill.signal: narrower minimum",
    ],
    [
      params({ kinds: z.array(z.enum(["x"])).max(10).optional() }),
      "thing.kill.kinds[]: y is no longer accepted",
    ],
    [
      params({ kinds: z.array(z.enum(["x", "y"])).max(9).optional() }),
      "thing.kill.kinds: narrower maxItems",
    ],
    [
      params({ nested: z.strictObject({ a: z.string() }).optional() }),
      "thing.kill.nested.b: removed",
    ],
    [issues({ result: z.object(less) }), "thing.kill result.pid: removed"],
    [result({ pid: z.int().optional() }), "thing.kill result.pid: may be absent now"],
    [result({ pid: z.string() }), "thing.kill result.pid: was integer, is string"],
    [result({ pid: z.number() }), "thing.kill result.pid: was integer, is number"],
    [result({ pid: z.union([z.int(), z.null()]) }), "thing.kill result.pid: was integer, is null"],
    [result({ status: z.string() }), "thing.kill result.status: is no longer one of a set"],
    [
      result({ status: z.enum(["up", "ended"]) }),
      "thing.kill result.status: is never down any more",
    ],
    [
      result({ list: z.array(z.object({ id: z.string() })) }),
      "thing.kill result.list[].at: removed",
    ],
    [issues({ errors: {} }), "thing.kill: error NotFound removed"],
    [issues({ notification: z.object(less) }), "note.pid: removed"],
  ];
  for (const [found, expected] of table) assert.deepEqual(found, [expected]);
  assert.deepEqual(incompatibilities(before, { ...before, "x-notifications": [] }), [
    "note: removed",
  ]);
});

Deno.test("incompatibilities: a param that takes fewer numbers, and a result that has more", () => {
  type Case = [old: z.ZodType, current: z.ZodType, input: string[], output: string[]];
  const table: Case[] = [
    [z.int(), z.int().gt(1000), ["narrower exclusiveMinimum"], []],
    [z.int(), z.int().lt(1000), ["narrower exclusiveMaximum"], []],
    [z.int(), z.int().multipleOf(10), ["narrower multipleOf"], []],
    [z.number(), z.number().multipleOf(1), ["narrower multipleOf"], []],
    [z.int().min(1), z.int().min(2), ["narrower minimum"], []],
    [z.int().max(9), z.int().max(8), ["narrower maximum"], []],
    [z.int().gt(1000), z.int(), [], ["wider exclusiveMinimum"]],
    [z.int().lt(1000), z.int(), [], ["wider exclusiveMaximum"]],
    [z.int().multipleOf(10), z.int().multipleOf(5), [], ["wider multipleOf"]],
    [z.int().max(9), z.int().max(10), [], ["wider maximum"]],
    [z.int().multipleOf(4), z.int().multipleOf(6), ["narrower multipleOf"], ["wider multipleOf"]],
    [z.int().multipleOf(2), z.int().multipleOf(2).multipleOf(3), ["narrower multipleOf"], []],
    [z.number().min(1), z.number().gt(1), ["narrower exclusiveMinimum"], []],
    [z.number().max(1), z.number().lt(1), ["narrower exclusiveMaximum"], []],
    [z.int().min(1), z.int().gt(0), [], []],
    [z.int().max(9), z.int().lt(10), [], []],
    [z.int().min(1), z.int().min(0).gt(-1), [], ["wider minimum"]],
    [z.int(), z.int().multipleOf(1), [], []],
  ];
  for (const [old, current, input, output] of table) {
    const name = `${JSON.stringify(z.toJSONSchema(old))} ${
      JSON.stringify(z.toJSONSchema(current))
    }`;
    const found = (part: "params" | "result") => {
      const having = (n: z.ZodType) => documentOf({ [part]: z.strictObject({ n }) });
      return incompatibilities(having(old), having(current));
    };
    assert.deepEqual(found("params"), input.map((one) => `thing.kill.n: ${one}`), name);
    assert.deepEqual(found("result"), output.map((one) => `thing.kill result.n: ${one}`), name);
  }
});

Deno.test("mayBreak: the major says it, below 1.0.0 the minor", () => {
  const yes = [["0.1.0", "0.2.0"], ["0.9.3", "1.0.0"], ["1.2.0", "2.0.0"], ["0.2.9", "0.10.0"]];
  const no = [["0.1.0", "0.1.0"], ["0.1.0", "0.1.7"], ["1.2.0", "1.9.0"], ["2.0.0", "1.9.0"]];
  for (const [old = "", current = ""] of yes) assert(mayBreak(old, current), `${old} ${current}`);
  for (const [old = "", current = ""] of no) assert(!mayBreak(old, current), `${old} ${current}`);
});

Deno.test("incompatibilities: an error with another number or kind, and a constant with another value", () => {
  // Every method lists the first, none the second.
  for (const kind of ["Internal", "MethodNotFound"]) {
    const withError = (change: Readonly<Record<string, unknown>>): OpenRpcDocument => {
      const errors = Object.entries(before.components.errors).map(([key, error]) =>
        [key, key === kind ? { ...error, ...change } : error] as const
      );
      const components = { ...before.components, errors: Object.fromEntries(errors) };
      return { ...before, components };
    };
    const was = before.components.errors[kind]?.code;
    assert.deepEqual(incompatibilities(before, withError({ code: -1 })), [
      `error ${kind}: was ${was}, is -1`,
    ]);
    assert.deepEqual(incompatibilities(before, withError({ data: { kind: "Other" } })), [
      ...(kind === "Internal" ? [`thing.kill: error ${kind} removed`] : []),
      `error ${kind}: removed`,
    ]);
  }
  const always = (value: string) => documentOf({ result: z.object({ name: z.literal(value) }) });
  assert.deepEqual(incompatibilities(always("a"), always("b")), [
    "thing.kill result.name: was always a",
  ]);
  assert.deepEqual(incompatibilities(always("a"), always("a")), []);
});
