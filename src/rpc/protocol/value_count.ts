// SPDX-License-Identifier: MIT

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;

/**
 * Returns at least the number of values in a JSON text, names left out, and stops counting above
 * `max`. For bytes that are no JSON the count says nothing.
 *
 * Each value of an array or object takes tens of bytes once it is parsed, and only two as text: `[],`.
 */
export function countValues(json: Uint8Array, max: number): number {
  let count = 1;
  for (let at = 0; at < json.length && count <= max; at++) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === COMMA || byte === OPEN_ARRAY || byte === OPEN_OBJECT) count++;
  }
  return count;
}

/** Returns the index of the quote that ends the string that begins at `start`. */
function endOfString(json: Uint8Array, start: number): number {
  for (let end = start;;) {
    end = json.indexOf(QUOTE, end + 1);
    if (end < 0) return json.length;
    let escapes = 0;
    while (json[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}
