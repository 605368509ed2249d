// SPDX-License-Identifier: MIT
// Reads seccomp profiles of docker's format and of the OCI spec's.
import { MOST_NAMED, readSmallFile } from "../../linux/fs/read_small_file.ts";
import { messageOf } from "../../error_text.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { wrongBesideRules, wrongInRule } from "./check_profile.ts";
import type { SeccompProfile } from "./profile.ts";

/**
 * Reads a seccomp profile from a regular file; see {@linkcode parseSeccompProfile}.
 *
 * @throws {InvalidParamsError} naming the file, and the line or the member that does not fit.
 */
export function readSeccompProfile(path: string): SeccompProfile {
  let text: string;
  try {
    text = readSmallFile(path, MOST_NAMED);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such file" : messageOf(error);
    throw invalid(path, why, error);
  }
  return parseSeccompProfile(path, text);
}

/**
 * Parses a seccomp profile, in docker's format or as `linux.seccomp` of the OCI spec; `path` is where it
 * comes from.
 *
 * @throws {InvalidParamsError} naming the file, and the line or the member that does not fit.
 */
export function parseSeccompProfile(path: string, text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = messageOf(error);
    throw invalid(`${path}:${lineOf(text, message)}`, message, error);
  }
  checkProfile(path, text, value);
  return value;
}

/**
 * Returns the line, from 1, of the position that an error of JSON.parse names; the last one if it
 * names none.
 */
function lineOf(text: string, message: string): number {
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length);
  return text.slice(0, position).split("\n").length;
}

function checkProfile(
  path: string,
  text: string,
  value: unknown,
): asserts value is SeccompProfile {
  if (!isRecord(value)) throw invalid(path, "a profile is a JSON object");
  const wrong = wrongBesideRules(value);
  if (wrong !== undefined) throw invalid(path, wrong);
  // A file without rules may leave them out.
  const syscalls: unknown = value.syscalls ??= [];
  if (!Array.isArray(syscalls)) throw invalid(path, "syscalls must be an array");
  syscalls.forEach((rule: unknown, index) => {
    const message = wrongInRule(rule, value.listenerPath);
    if (message !== undefined) {
      throw invalid(`${path}:${lineOfRule(text, index)}`, `syscalls[${index}]: ${message}`);
    }
  });
}

/** Returns the line, from 1, on which the rule of that index begins. */
function lineOfRule(text: string, index: number): number {
  const start = text.search(/"syscalls"\s*:\s*\[/);
  let depth = 0;
  let found = 0;
  for (const { 0: token, index: at } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (at <= start || token.startsWith('"')) continue;
    // Depth 1 is inside the array of rules.
    if (depth === 1 && token === "{" && found++ === index) {
      return text.slice(0, at).split("\n").length;
    }
    depth += token === "{" || token === "[" ? 1 : -1;
  }
  return 1;
}

function invalid(where: string, message: string, cause?: unknown): InvalidParamsError {
  return new InvalidParamsError(
    `seccomp profile ${where}: ${message}`,
    [{ path: "seccomp", message }],
    cause === undefined ? {} : { cause },
  );
}
