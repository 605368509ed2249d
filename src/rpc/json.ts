// SPDX-License-Identifier: MIT
// JSON whose integers keep all their digits.

/** The part of the proposal "JSON.parse source text access" that V8 has; Node 20 has none of it. */
interface SourceTextJson {
  /** Returns an object that JSON.stringify writes as this text. */
  readonly rawJSON?: (text: string) => object;
}

const { rawJSON }: JSON & SourceTextJson = JSON;

/** An integer of fewer digits is below 2^53, which a number holds exactly. */
const LONG_INTEGER = /\d{16}/;

/** An integer of so many digits takes microseconds to convert, one of millions takes seconds. */
const MAX_DIGITS = 400;

/** The error for JSON that has an integer of more digits than anybody means. */
export class LongIntegerError extends SyntaxError {
  override readonly name = "LongIntegerError";
}

/**
 * Returns whether {@linkcode parseJson} looks at each value of this JSON, which takes it longer.
 */
export function mayHaveLongInteger(text: string): boolean {
  return LONG_INTEGER.test(text);
}

/**
 * Parses JSON as `JSON.parse` does, but for an integer whose digits a number does not keep, such as
 * 18446744073709551615: that becomes a bigint. In Node 20 it becomes the nearest number.
 *
 * @throws {SyntaxError} if `text` is no JSON
 * @throws {LongIntegerError} if it has an integer of more than 400 digits
 * @throws {RangeError} if it has such an integer and is nested too deep for the stack
 */
export function parseJson(text: string): unknown {
  return mayHaveLongInteger(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  // A number that is written with the same digits again loses nothing.
  if (source === undefined || String(value) === source || !/^-?\d+$/.test(source)) return value;
  if (source.length > MAX_DIGITS) {
    throw new LongIntegerError(`an integer has more than ${MAX_DIGITS} digits`);
  }
  return BigInt(source);
}

/**
 * Writes a value as JSON as `JSON.stringify` does, and bigints as integers. `space` is the indentation.
 *
 * @throws {TypeError} if the value has a cycle; in Node 20 also if it has a bigint
 */
export function stringifyJson(value: unknown, space?: number): string {
  try {
    return JSON.stringify(value, undefined, space);
  } catch (error) {
    // A bigint, most likely. Looking for one beforehand would cost every message.
    if (!(error instanceof TypeError) || rawJSON === undefined) throw error;
    const write = (_key: string, member: unknown) =>
      typeof member === "bigint" ? rawJSON(member.toString()) : member;
    return JSON.stringify(value, write, space);
  }
}
