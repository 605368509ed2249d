// SPDX-License-Identifier: MIT
// Reads and writes protobuf's wire format.

/** Bytes that are no valid protobuf message. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

/** How the value behind a tag is written (protobuf encoding, "Message Structure"). */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the parts of a message in order; what does not fit throws a {@linkcode ProtobufError}. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Returns the low 32 bits of a varint, as an unsigned integer. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtobufError("a varint of more than ten bytes");
  }

  /** Returns a varint as an unsigned 64-bit integer. */
  uint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError("a varint of more than ten bytes");
  }

  /** Returns a 64-bit floating point number. */
  double(): number {
    const at = this.#take(8);
    return this.#view.getFloat64(at, true);
  }

  /** Returns bytes, whose length is before them, as a view. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Returns a text of UTF-8, whose length is before it. */
  string(): string {
    const bytes = this.bytes();
    try {
      return decoder.decode(bytes);
    } catch (error) {
      throw new ProtobufError("a string is not UTF-8", { cause: error });
    }
  }

  /** Passes over a value of a field that is not known. Groups, which proto3 has not, are refused. */
  skip(wire: number): void {
    if (wire === WIRE.varint) this.uint64();
    else if (wire === WIRE.fixed64) this.#take(8);
    else if (wire === WIRE.bytes) this.bytes();
    else if (wire === WIRE.fixed32) this.#take(4);
    else throw new ProtobufError(`a field of wire type ${wire}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ProtobufError("the message ends within a value");
    return byte;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      throw new ProtobufError("the message ends within a value");
    }
    this.#at += length;
    return at;
  }
}

/** Collects the parts of a message. */
export class WireWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Returns all that was written, as a view. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a field's number and wire type. */
  tag(field: number, wire: number): void {
    this.uint32((field << 3 | wire) >>> 0);
  }

  /** Writes a varint of an unsigned 32-bit integer. */
  uint32(value: number): void {
    this.#reserve(5);
    for (; value > 0x7f; value >>>= 7) this.#bytes[this.#length++] = value & 0x7f | 0x80;
    this.#bytes[this.#length++] = value;
  }

  /** Writes a varint of the low 64 bits of an integer; negative ones take ten bytes. */
  uint64(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  /** Writes a 64-bit floating point number. */
  double(value: number): void {
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Writes a length and as many bytes. */
  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Writes a text as UTF-8 with its length. */
  string(value: string): void {
    this.bytes(encoder.encode(value));
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
