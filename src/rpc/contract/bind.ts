// SPDX-License-Identifier: MIT
import type { z } from "zod";
import { InvalidParamsError } from "../errors.ts";
import type { ErrorData, ParamIssue } from "../errors.ts";
import type { Contract, Method, ParsedParamsOf, ResultOf } from "./method.ts";
import type { Handler, HandlerContext, Handlers } from "../peer/handler.ts";
import { isRecord } from "../is_record.ts";

/** One function for each method of contract `C`, given params that fit its schema. */
export type Implementation<C extends Contract> = {
  readonly [N in keyof C & string]: (
    params: ParsedParamsOf<C, N>,
    context: HandlerContext,
  ) => ResultOf<C, N> | Promise<ResultOf<C, N>>;
};

/** Issues beyond these are counted, not listed: params of 16 MiB can have millions. */
const MAX_ISSUES = 50;
/** Longest key that is sent back whole. */
const MAX_KEY = 100;
/** Longest id that an error names; longer ones are no ids. */
const MAX_ID = 76;

/**
 * Puts each method's schema before its function. Params that do not fit never reach it: the caller
 * gets an {@linkcode InvalidParamsError} that names every path.
 */
export function bindContract<C extends Contract>(
  contract: C,
  implementation: Implementation<C>,
): Handlers {
  const handlers: Record<string, Handler> = {};
  for (const [name, method] of Object.entries(contract)) {
    // The schema of the same name vouches for the params, which is what the cast says.
    const run = implementation[name] as Handler;
    handlers[name] = (params, context) => run(parseParams(method, params), context);
  }
  return handlers;
}

/** Checks the params of a call of `method`; throws {@linkcode InvalidParamsError}. */
export function parseParams(method: Method, params: unknown = {}): unknown {
  if (!isRecord(params)) {
    const message = Array.isArray(params)
      ? "must be an object: params go by name here, not by position"
      : "must be an object";
    throw new InvalidParamsError(`${method.name}: params: ${message}`, [{ path: "", message }]);
  }
  const parsed = method.params.safeParse(params);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap((issue) => toIssues(issue, []));
  const listed = issues.slice(0, MAX_ISSUES);
  const first = listed[0];
  const what = first === undefined
    ? "params do not fit"
    : `${first.path || "params"}: ${first.message}`;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw new InvalidParamsError(`${method.name}: ${what}${more}`, listed, {
    data: namedIn(params),
  });
}

/** One zod issue as berth's: unknown keys each by their own path, unions by their nearest branch. */
function toIssues(issue: z.core.$ZodIssue, base: readonly PropertyKey[]): ParamIssue[] {
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.slice(0, MAX_ISSUES + 1);
    return keys.map((key) => ({ path: dotted([...path, key]), message: "unknown key" }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const branches = issue.errors.map((errors) => errors.flatMap((error) => toIssues(error, path)));
    const here = dotted(path);
    // A branch that fails only further inside is what the caller meant.
    const meant = branches.find((branch) => branch.every((one) => one.path !== here));
    if (meant !== undefined && meant.length > 0) return meant;
    const messages = new Set(branches.flatMap((branch) => branch.map((one) => one.message)));
    return [{ path: here, message: [...messages].join(", or ") }];
  }
  return [{ path: dotted(path), message: issue.message }];
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map((key) => {
    const name = String(key);
    return name.length > MAX_KEY ? `${name.slice(0, MAX_KEY)}…` : name;
  }).join(".");
}

/** The ids that the params name, for the error's data. */
function namedIn(params: Record<string, unknown>): ErrorData {
  const { id, execId } = params;
  return {
    ...(typeof id === "string" && id.length <= MAX_ID ? { id } : {}),
    ...(typeof execId === "string" && execId.length <= MAX_ID ? { execId } : {}),
  };
}
