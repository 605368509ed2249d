// SPDX-License-Identifier: MIT
import { InvalidParamsError } from "../../rpc/errors.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { ID_PATTERN, ID_RULE } from "../../rpc/contract/ids.ts";

/*
 * The shim checks params by hand, so that it need not load the schema library: that would cost every
 * container about 3 MB. What is accepted is what src/rpc/contract/shim.ts says; a test compares them.
 */

/** Checks one member; answers what is wrong with it, or undefined. */
export type Check = (value: unknown) => string | undefined;

/** What a method's params may hold: a check for each member. */
export type Shape = Readonly<Record<string, Check>>;

/** An execId, formed like a container id. */
export const execId: Check = (value) =>
  typeof value === "string" && ID_PATTERN.test(value) ? undefined : ID_RULE;

/** True or false. */
export const bool: Check = (value) =>
  typeof value === "boolean" ? undefined : "must be true or false";

/** An integer in a range. */
export function int(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max
      ? undefined
      : max === Number.MAX_SAFE_INTEGER
      ? `must be an integer of at least ${min}`
      : `must be an integer from ${min} to ${max}`;
}

/** A signal number or name; which names there are is for whoever resolves it. */
export const signal: Check = (value) =>
  typeof value === "string" && value !== "" || int(1, 64)(value) === undefined
    ? undefined
    : "must be a signal number from 1 to 64 or a signal name";

/** A path from the root. */
export const absolutePath: Check = (value) =>
  typeof value === "string" && value.startsWith("/") ? undefined : "must be an absolute path";

/** A stdin: FIFO or nothing. */
export const stdin: Check = (value) =>
  typeof value === "string" && (value === "" || value.startsWith("/"))
    ? undefined
    : "must be empty or the absolute path of a FIFO";

/** A stdout or stderr: FIFO, file or nothing. */
export const output: Check = (value) =>
  typeof value === "string" &&
    (value === "" || value.startsWith("/") || value.startsWith("file:///"))
    ? undefined
    : "must be empty, the absolute path of a FIFO, or file:///absolute/path";

/** A JSON object. */
export const object: Check = (value) => isRecord(value) ? undefined : "must be an object";

/** An OCI process as far as it must be there: args. */
export const process: Check = (value) => {
  if (!isRecord(value)) return "must be an object";
  const args = value.args;
  return Array.isArray(args) && args.length > 0 && args.every((arg) => typeof arg === "string")
    ? undefined
    : "args must be an array of at least one string";
};

/** Lets a member be left out. */
export function optional(check: Check): Check {
  return (value) => value === undefined ? undefined : check(value);
}

/**
 * Checks the params of `method`; left-out params are the same as none.
 *
 * @throws {InvalidParamsError} naming each member that does not fit or is not known.
 */
export function checkParams(
  method: string,
  params: unknown,
  shape: Shape,
): Readonly<Record<string, unknown>> {
  const given = params ?? {};
  if (!isRecord(given)) {
    throw invalid(method, [{ path: "", message: "params must be an object" }]);
  }
  const issues: ParamIssue[] = [];
  for (const [name, check] of Object.entries(shape)) {
    const message = check(given[name]);
    if (message !== undefined) issues.push({ path: name, message });
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(shape, name)) issues.push({ path: name, message: "is not a known param" });
  }
  if (issues.length > 0) throw invalid(method, issues);
  return given;
}

function invalid(method: string, issues: readonly ParamIssue[]): InvalidParamsError {
  const text = issues.map(({ path, message }) => path === "" ? message : `${path} ${message}`);
  return new InvalidParamsError(`invalid params of ${method}: ${text.join("; ")}`, issues);
}
