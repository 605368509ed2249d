// SPDX-License-Identifier: MIT
// A codec of protobuf's wire format that works from tables of fields: a tenth of what a library
// costs in a shim's memory. Code that reads values out of it is checked by the types of the tables.
import type { Decoded, Encodable, Fields, FieldType, MessageType, ScalarType } from "./fields.ts";
import { message } from "./fields.ts";
import { ProtobufError, WIRE, WireReader, WireWriter } from "./wire.ts";

/** How deeply messages may be nested; containerd's own go to five. */
const MAX_DEPTH = 32;

/** An entry of a map field is a message of its own (protobuf encoding, "Maps"). */
const ENTRY = message({ key: [1, "string"], value: [2, "string"] });

type Values = Record<string, unknown>;

/**
 * Decodes a message. Fields that the table does not have are passed over.
 *
 * @throws {ProtobufError} if the bytes are no such message.
 */
export function decode<M extends MessageType>(type: M, bytes: Uint8Array): Decoded<M> {
  // The one place where the table stands for the type: readValue follows it field by field.
  return decodeValues(type, bytes, 0) as Decoded<M>;
}

/** Encodes a message. As in proto3, scalars that are zero or empty are not sent. */
export function encode<M extends MessageType>(
  type: M,
  value: Encodable<M>,
): Uint8Array<ArrayBuffer> {
  const writer = new WireWriter();
  writeMessage(writer, type, value);
  return writer.finish();
}

function wireOf(type: FieldType): number {
  if (typeof type !== "string" || type === "string" || type === "bytes" || type === "map") {
    return WIRE.bytes;
  }
  return type === "double" ? WIRE.fixed64 : WIRE.varint;
}

function decodeValues({ fields, byNumber }: MessageType, bytes: Uint8Array, depth: number): Values {
  if (depth > MAX_DEPTH) throw new ProtobufError("messages nested too deeply");
  const values = emptyValues(fields);
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (tag >>> 3 === 0) throw new ProtobufError("a field of number 0");
    const known = byNumber.get(tag >>> 3);
    if (known === undefined) {
      reader.skip(wire);
      continue;
    }
    const [name, [, type, repeated]] = known;
    const list = repeated && values[name];
    if (wire === wireOf(type)) {
      const value = readValue(reader, type, values[name], depth);
      if (Array.isArray(list)) list.push(value);
      else values[name] = value;
    } else if (Array.isArray(list) && wire === WIRE.bytes) {
      // Numbers may be packed: all values of the field behind one tag.
      const packed = new WireReader(reader.bytes());
      while (!packed.done) list.push(readValue(packed, type, undefined, depth));
    } else {
      reader.skip(wire);
    }
  }
  return values;
}

/** Returns the values of a message of which nothing was sent. */
function emptyValues(fields: Fields): Values {
  const values: Values = {};
  for (const [name, [, type, repeated]] of Object.entries(fields)) {
    if (repeated) values[name] = [];
    else if (typeof type === "string") values[name] = zeroOf(type);
  }
  return values;
}

function zeroOf(type: ScalarType | "map"): unknown {
  switch (type) {
    case "string":
      return "";
    case "bytes":
      return new Uint8Array();
    case "bool":
      return false;
    case "int64":
    case "uint64":
      return 0n;
    case "map":
      // Without a prototype: a key may be "__proto__".
      return Object.create(null);
    default:
      return 0;
  }
}

/** Reads one value; `old` is what the field holds already, which a map's entry is added to. */
function readValue(reader: WireReader, type: FieldType, old: unknown, depth: number): unknown {
  switch (type) {
    case "string":
      return reader.string();
    case "bytes":
      return reader.bytes();
    case "bool":
      return reader.uint64() !== 0n;
    case "int32":
      return reader.uint32() | 0;
    case "uint32":
      return reader.uint32();
    case "int64":
      return BigInt.asIntN(64, reader.uint64());
    case "uint64":
      return reader.uint64();
    case "double":
      return reader.double();
    case "map": {
      const { key, value } = decode(ENTRY, reader.bytes());
      if (isValues(old)) old[key] = value;
      return old;
    }
    default:
      return decodeValues(type, reader.bytes(), depth + 1);
  }
}

function writeMessage(writer: WireWriter, { fields }: MessageType, values: Values): void {
  for (const [name, [number, type, repeated]] of Object.entries(fields)) {
    const value = values[name];
    if (value === undefined) continue;
    if (repeated) writeRepeated(writer, number, type, value);
    else if (type === "map") writeMap(writer, number, value);
    else if (!isZero(value)) {
      writer.tag(number, wireOf(type));
      writeValue(writer, type, value);
    }
  }
}

function isZero(value: unknown): boolean {
  return value === "" || value === false || value === 0n || Object.is(value, 0) ||
    (value instanceof Uint8Array && value.length === 0);
}

function writeRepeated(writer: WireWriter, number: number, type: FieldType, list: unknown): void {
  if (!Array.isArray(list)) throw new TypeError(`field ${number} is no list`);
  if (wireOf(type) === WIRE.bytes) {
    for (const value of list) {
      writer.tag(number, WIRE.bytes);
      writeValue(writer, type, value);
    }
  } else if (list.length > 0) {
    const packed = new WireWriter();
    for (const value of list) writeValue(packed, type, value);
    writer.tag(number, WIRE.bytes);
    writer.bytes(packed.finish());
  }
}

function writeMap(writer: WireWriter, number: number, map: unknown): void {
  if (!isValues(map)) throw new TypeError(`field ${number} is no map`);
  for (const [key, value] of Object.entries(map)) {
    writer.tag(number, WIRE.bytes);
    writeValue(writer, ENTRY, { key, value });
  }
}

function writeValue(writer: WireWriter, type: FieldType, value: unknown): void {
  if (typeof value === "string" && type === "string") writer.string(value);
  else if (value instanceof Uint8Array && type === "bytes") writer.bytes(value);
  else if (typeof value === "boolean" && type === "bool") writer.uint32(value ? 1 : 0);
  else if (typeof value === "number" && type === "double") writer.double(value);
  else if (typeof value === "number" && type === "uint32") writer.uint32(value >>> 0);
  else if (isInteger(value) && (type === "int32" || type === "int64" || type === "uint64")) {
    writer.uint64(BigInt(value));
  } else if (isValues(value) && typeof type === "object") {
    const inner = new WireWriter();
    writeMessage(inner, type, value);
    writer.bytes(inner.finish());
  } else {
    throw new TypeError(`${typeof value} where protobuf has ${JSON.stringify(type)}`);
  }
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}
