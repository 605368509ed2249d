// SPDX-License-Identifier: MIT
import type { JSONRPCResponse } from "json-rpc-2.0";
import { errorResponse } from "./messages.ts";
import { BerthError, ResourceExhaustedError } from "../errors.ts";
import { MAX_LINE } from "./line_reader.ts";
import { stringifyJson } from "../json.ts";

const encoder = new TextEncoder();

/** Returns whether `text` takes more than `max` bytes as UTF-8. */
export function isLonger(text: string, max: number): boolean {
  // A UTF-16 unit takes one to three bytes, so most texts need not be measured.
  if (text.length > max) return true;
  return text.length * 3 > max && encoder.encode(text).length > max;
}

/**
 * Returns the line for a response. A result that is no JSON (a cycle) or makes a line of more than
 * `max` bytes becomes an error response, so that the caller does not wait forever. Never throws.
 */
export function responseText(response: JSONRPCResponse, max: number = MAX_LINE): string {
  let text: string;
  try {
    text = stringifyJson(response);
  } catch (error) {
    const message = "the answer cannot be put as JSON";
    return errorText(response, new BerthError("Internal", message, { cause: error }));
  }
  if (!isLonger(text, max)) return text;
  return errorText(response, new ResourceExhaustedError("the answer is too long for a line"));
}

function errorText(response: JSONRPCResponse, error: BerthError): string {
  return JSON.stringify(errorResponse(response.id, error));
}
