// SPDX-License-Identifier: MIT

/** The scalar types of protobuf that containerd's messages use. */
export type ScalarType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "double";

/** The type of a field: a scalar, a map from strings to strings, or another message. */
export type FieldType = ScalarType | "map" | MessageType;

/** The fields of a message by their names. */
export type Fields = Readonly<Record<string, Field>>;

/** One field of a message: its number, its type, and whether there may be several. */
export type Field = readonly [number: number, type: FieldType, repeated?: "repeated"];

/** A kind of message: the table of its fields, made by {@linkcode message}. */
export interface MessageType<F extends Fields = Fields> {
  readonly fields: F;
  /** The same fields by their numbers, with their names. */
  readonly byNumber: ReadonlyMap<number, readonly [name: string, field: Field]>;
}

/** Makes a message of its fields. */
export function message<const F extends Fields>(fields: F): MessageType<F> {
  const entries = Object.entries(fields);
  return { fields, byNumber: new Map(entries.map(([name, field]) => [field[0], [name, field]])) };
}

interface ScalarValues {
  string: string;
  bytes: Uint8Array;
  bool: boolean;
  int32: number;
  uint32: number;
  int64: bigint;
  uint64: bigint;
  double: number;
}

type Single<T> = T extends keyof ScalarValues ? ScalarValues[T]
  : T extends "map" ? Record<string, string>
  : T extends MessageType<infer F> ? DecodedFields<F>
  : never;

type IsOptional<F extends Field> = F extends readonly [number, MessageType] ? true : false;

type Value<F extends Field> = F extends readonly [number, infer T, "repeated"] ? Single<T>[]
  : Single<F[1]>;

/**
 * A decoded message. Scalars that were not sent are zero or empty, as proto3 has it; messages that
 * were not sent are undefined.
 */
export type Decoded<M extends MessageType> = DecodedFields<M["fields"]>;

type DecodedFields<F extends Fields> =
  & { [Name in keyof F as IsOptional<F[Name]> extends true ? never : Name]: Value<F[Name]> }
  & { [Name in keyof F as IsOptional<F[Name]> extends true ? Name : never]?: Value<F[Name]> };

type SingleInput<T> = T extends "int64" | "uint64" ? bigint | number
  : T extends keyof ScalarValues ? ScalarValues[T]
  : T extends "map" ? Readonly<Record<string, string>>
  : T extends MessageType<infer F> ? EncodableFields<F>
  : never;

type Input<F extends Field> = F extends readonly [number, infer T, "repeated"]
  ? readonly SingleInput<T>[]
  : SingleInput<F[1]>;

/** A message to encode: what is left out is not sent. 64-bit integers may be numbers, too. */
export type Encodable<M extends MessageType> = EncodableFields<M["fields"]>;

type EncodableFields<F extends Fields> = {
  readonly [Name in keyof F]?: Input<F[Name]> | undefined;
};
