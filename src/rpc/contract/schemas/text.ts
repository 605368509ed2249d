// SPDX-License-Identifier: MIT
// The forms of strings: paths, ids, signals, times, labels.
import * as z from "zod";
import { isRecord } from "../../is_record.ts";
import { ID_PATTERN, ID_RULE, MAX_ID } from "../ids.ts";
import { MAX_LABEL_BYTES, MAX_LABELS, MAX_SIGNAL_NAME, MAX_TEXT } from "../limits.ts";

// A rule that a string must match goes into `errorMessage` too: the JSON Schema, by which params are
// checked, has no message for a pattern.

/** Creates the schema of a string that must match a pattern. */
export function textLike(pattern: RegExp, rule: string, max: number): z.ZodString {
  return z.string().max(max).regex(pattern, rule).meta({ errorMessage: rule });
}

/**
 * Returns a string that is passed to the kernel. It must not contain NUL, where the kernel would
 * cut it.
 */
export function kernelText(max: number): z.ZodString {
  return textLike(/^[^\0]*$/, "must be a string without NUL", max);
}

/** An absolute path. */
export const absolutePath = textLike(/^\/[^\0]*$/, "must be an absolute path", MAX_TEXT);

/** A JSON object whose members berth passes on as they are: none is lost, whatever its name. */
export const jsonObject = z.custom<Record<string, unknown>>(isRecord, "must be an object")
  .meta({ type: "object" });

/** A container id: 1 to 76 characters, a letter or digit first. */
export const containerId = textLike(ID_PATTERN, ID_RULE, MAX_ID).describe("Container id");

/** The id of an exec process: the same form as a container id, unique within its container. */
export const execId = containerId.describe("Exec process id");

/** A signal: a number, or a name with or without `SIG`. `parseSignal` resolves it. */
export const signal = z.union([
  z.int().min(1).max(64),
  z.string().min(1).max(MAX_SIGNAL_NAME),
]).describe("Signal number, or signal name with or without SIG");

/** Creates the schema of a time in RFC 3339 format, UTC, with milliseconds. */
export function time(what: string): z.ZodString {
  return z.string().describe(`${what}, in RFC 3339 format, UTC, with milliseconds`);
}

/** Labels of a container: names and values chosen by the user. */
export const labels = z.custom<Record<string, string>>(isLabels, "must be an object of strings")
  .meta({
    description: "Labels: names and values chosen by the user, at most 64 KiB in total",
    type: "object",
    additionalProperties: { type: "string" },
    maxProperties: MAX_LABELS,
    "x-maxBytes": MAX_LABEL_BYTES,
  });

function isLabels(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((label) => typeof label === "string");
}
