// SPDX-License-Identifier: MIT
import type { z } from "zod";
import type { ErrorKind } from "../errors.ts";

/** The kinds of error that a method may answer, and when it answers each. */
export type ErrorCases = Readonly<Partial<Record<ErrorKind, string>>>;

/**
 * One RPC method as a value: its name, the schemas of what goes in and comes out, the errors that
 * it may answer, and one line of text. Server validation, client types, the command line and the
 * reference pages are derived from it, so nothing about a method is written twice.
 */
export interface Method<
  Name extends string = string,
  Params extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> {
  /** The JSON-RPC method name, such as `container.create`. */
  readonly name: Name;
  /** One line saying what the method does. */
  readonly summary: string;
  /** The schema of the by-name params. Unknown keys are refused. */
  readonly params: Params;
  /** The schema of the result. */
  readonly result: Result;
  /** The errors that it may answer, beside those that any method of its contract may. */
  readonly errors: ErrorCases;
}

/** Declares a {@linkcode Method}; exists so that the literal types are inferred. */
export function method<Name extends string, Params extends z.ZodType, Result extends z.ZodType>(
  name: Name,
  summary: string,
  params: Params,
  result: Result,
  errors: ErrorCases,
): Method<Name, Params, Result> {
  return { name, summary, params, result, errors };
}

/** A set of methods, keyed by name. */
export type Contract = Readonly<Record<string, Method>>;

/** What a caller passes to method `N` of contract `C`. */
export type ParamsOf<C extends Contract, N extends keyof C> = z.input<C[N]["params"]>;

/** What a handler of method `N` of contract `C` is given, after validation. */
export type ParsedParamsOf<C extends Contract, N extends keyof C> = z.output<C[N]["params"]>;

/** What method `N` of contract `C` answers. */
export type ResultOf<C extends Contract, N extends keyof C> = z.output<C[N]["result"]>;
