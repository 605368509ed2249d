// SPDX-License-Identifier: MIT
//
// @bufbuild/protobuf, which is too large for a shim, encodes and decodes beside the codec here.
import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescriptorProto, FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MessageOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import assert from "node:assert/strict";
import { decode, encode } from "./codec.ts";
import { type Field, message, type MessageType, type ScalarType } from "./fields.ts";
import { ProtobufError, WIRE } from "./wire.ts";

const ORACLE_TYPES: Readonly<Record<ScalarType, Type>> = {
  string: Type.STRING,
  bytes: Type.BYTES,
  bool: Type.BOOL,
  int32: Type.INT32,
  uint32: Type.UINT32,
  int64: Type.INT64,
  uint64: Type.UINT64,
  double: Type.DOUBLE,
};

/** Every type that a field may have, alone and repeated, and messages in messages. */
const inner = message({ id: [1, "string"], total: [15, "uint64"] });
const everything = message({
  string: [1, "string"],
  bytes: [2, "bytes"],
  bool: [3, "bool"],
  int32: [4, "int32"],
  uint32: [5, "uint32"],
  int64: [6, "int64"],
  uint64: [7, "uint64"],
  double: [8, "double"],
  strings: [9, "string", "repeated"],
  numbers: [10, "uint64", "repeated"],
  signed: [11, "int32", "repeated"],
  doubles: [12, "double", "repeated"],
  flags: [13, "bool", "repeated"],
  inner: [16, inner],
  inners: [2000, inner, "repeated"],
  map: [536870911, "map"],
});

/** What an older program knows of {@linkcode everything}. */
const little = message({ uint32: [5, "uint32"], inners: [2000, inner, "repeated"] });

function oracleOf(type: MessageType): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    syntax: "proto3",
    messageType: [descriptor("Everything", type)],
  });
  const set = create(FileDescriptorSetSchema, { file: [file] });
  const found = createFileRegistry(set).getMessage("Everything");
  assert.ok(found);
  return found;
}

function descriptor(name: string, { fields }: MessageType): DescriptorProto {
  const nestedType: DescriptorProto[] = [];
  const field: FieldDescriptorProto[] = [];
  for (const [fieldName, given] of Object.entries(fields)) {
    const nested = nestedIn(fieldName, given);
    if (nested !== undefined) nestedType.push(nested);
    const [number, type, repeated] = given;
    field.push(create(FieldDescriptorProtoSchema, {
      name: fieldName,
      jsonName: fieldName,
      number,
      label: repeated || type === "map" ? Label.REPEATED : Label.OPTIONAL,
      ...(typeof type === "string" && type !== "map"
        ? { type: ORACLE_TYPES[type] }
        : { type: Type.MESSAGE, typeName: `.Everything.${nested?.name}` }),
    }));
  }
  return create(DescriptorProtoSchema, { name, field, nestedType });
}

function nestedIn(name: string, [, type]: Field): DescriptorProto | undefined {
  const nested = `${name[0]?.toUpperCase()}${name.slice(1)}Entry`;
  if (typeof type === "object") return descriptor(nested, type);
  if (type !== "map") return undefined;
  const entry = descriptor(nested, message({ key: [1, "string"], value: [2, "string"] }));
  entry.options = create(MessageOptionsSchema, { mapEntry: true });
  return entry;
}

const anInner = fc.record({
  id: fc.string({ unit: "binary" }),
  total: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const aDouble = fc.double({ noNaN: true });
const values = fc.record({
  string: fc.string({ unit: "binary" }),
  bytes: fc.uint8Array(),
  bool: fc.boolean(),
  int32,
  uint32: fc.nat({ max: 2 ** 32 - 1 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64,
  double: aDouble,
  strings: fc.array(fc.string()),
  numbers: fc.array(uint64),
  signed: fc.array(int32),
  doubles: fc.array(aDouble),
  flags: fc.array(fc.boolean()),
  inner: fc.option(anInner, { nil: undefined }),
  inners: fc.array(anInner),
  map: fc.dictionary(fc.string().filter((key) => key !== "__proto__"), fc.string(), {
    noNullPrototype: true,
  }),
});

const oracle = oracleOf(everything);

/** The same fields without the oracle's own members and prototypes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, item]) => !name.startsWith("$") && item !== undefined)
      .map(([name, item]) => [name, plain(item)]),
  );
}

Deno.test("encode writes what a protobuf library reads", () => {
  fc.assert(fc.property(values, (value) => {
    const read = fromBinary(oracle, encode(everything, value));
    assert.deepEqual(plain(read), plain(value));
  }));
});

Deno.test("decode reads what a protobuf library writes", () => {
  fc.assert(fc.property(values, (value) => {
    const bytes = toBinary(oracle, create(oracle, { ...value }));
    assert.deepEqual(plain(decode(everything, bytes)), plain(value));
  }));
});

Deno.test("decode passes over fields that it does not know, whatever they hold", () => {
  fc.assert(fc.property(values, (value) => {
    const read = decode(little, encode(everything, value));
    assert.deepEqual(plain(read), plain({ uint32: value.uint32, inners: value.inners }));
  }));
});

Deno.test("decode passes over unknown fields of 4 and of 8 bytes, and no further", () => {
  for (const [wire, length] of [[WIRE.fixed32, 4], [WIRE.fixed64, 8]] as const) {
    const unknown = Uint8Array.of(15 << 3 | wire, ...Array(length).fill(0xff));
    const known = encode(little, { uint32: 7 });
    assert.equal(decode(little, Uint8Array.of(...unknown, ...known)).uint32, 7);
  }
});

Deno.test("decode gives zero and empty for what was not sent", () => {
  const empty = decode(everything, new Uint8Array());
  assert.equal(empty.uint64, 0n);
  assert.equal(empty.inner, undefined);
  assert.deepEqual(empty.inners, []);
  assert.deepEqual(Object.keys(empty.map), []);
});

Deno.test("encode takes 64-bit integers as numbers, too, and a map's __proto__ for a key", () => {
  const map: Record<string, string> = Object.create(null);
  map["__proto__"] = "x";
  const read = decode(everything, encode(everything, { uint64: 7, int64: -1, map }));
  assert.equal(read.uint64, 7n);
  assert.equal(read.int64, -1n);
  assert.deepEqual(Object.entries(read.map), [["__proto__", "x"]]);
});

Deno.test("decode reads numbers that are not packed", () => {
  // Field 10 as two varints of their own: 1 and 2^64-1.
  const all = [...Array(9).fill(0xff), 1];
  const bytes = Uint8Array.of(10 << 3, 1, 10 << 3, ...all);
  assert.deepEqual(decode(everything, bytes).numbers, [1n, 2n ** 64n - 1n]);
});

Deno.test("decode of any bytes answers or throws a ProtobufError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      decode(everything, bytes);
    } catch (error) {
      assert.ok(error instanceof ProtobufError, String(error));
    }
  }));
  const deep: MessageType = { fields: {}, byNumber: new Map([[1, ["deep", [1, inner]]]]) };
  const self: MessageType = { fields: {}, byNumber: new Map([[1, ["self", [1, deep]]]]) };
  Object.assign(deep, { byNumber: self.byNumber });
  let nested = new Uint8Array();
  for (let depth = 0; depth < 100; depth++) {
    nested = encode(message({ bytes: [1, "bytes"] }), { bytes: nested });
    if (nested.length === 0) nested = Uint8Array.of(10, 0);
  }
  assert.throws(() => decode(self, nested), /nested too deeply/);
});

Deno.test("decode reads messages that are nested 32 deep, and no field of number 0", () => {
  const byNumber = new Map<number, readonly [string, Field]>();
  const self: MessageType = { fields: {}, byNumber };
  byNumber.set(1, ["self", [1, self]]);
  const nested = (depth: number) => {
    let bytes = Uint8Array.of();
    for (let n = 0; n < depth; n++) {
      bytes = Uint8Array.of(1 << 3 | WIRE.bytes, bytes.length, ...bytes);
    }
    return bytes;
  };
  assert.ok(decode(self, nested(32)));
  assert.throws(() => decode(self, nested(33)), /nested too deeply/);
  // Field 1 of another wire type is passed over; a tag of number 0 is none at all.
  assert.ok(decode(self, Uint8Array.of(1 << 3 | WIRE.varint, 0)));
  assert.throws(() => decode(self, Uint8Array.of(WIRE.varint, 0)), /field of number 0/);
});
