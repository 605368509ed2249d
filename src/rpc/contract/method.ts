// SPDX-License-Identifier: MIT
import type * as z from "zod";
import type { ErrorKind } from "../errors.ts";

/** The kinds of error that a method can return, each with its condition. */
export type ErrorCases = Readonly<Partial<Record<ErrorKind, string>>>;

/**
 * One RPC method as a value: its name, its summary, the schemas of its params and result, and its
 * errors. Server validation, client types, the command line and the reference pages are derived from
 * it, so that nothing about a method is written twice.
 */
export interface Method<
  Name extends string = string,
  Params extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> {
  /** The JSON-RPC method name, such as `container.create`. */
  readonly name: Name;
  /** A line that describes the method. */
  readonly summary: string;
  /** Schema of the params, which are passed by name. Unknown names are rejected. */
  readonly params: Params;
  /** Schema of the result. */
  readonly result: Result;
  /** Errors that the method can return, beside those that every method of its contract can. */
  readonly errors: ErrorCases;
}

/** Creates a {@linkcode Method}. TypeScript infers the literal types from the arguments. */
export function method<Name extends string, Params extends z.ZodType, Result extends z.ZodType>(
  name: Name,
  summary: string,
  params: Params,
  result: Result,
  errors: ErrorCases,
): Method<Name, Params, Result> {
  return { name, summary, params, result, errors };
}

/** A set of methods, by name. */
export type Contract = Readonly<Record<string, Method>>;

/** Params that a caller passes to method `N` of contract `C`. */
export type ParamsOf<C extends Contract, N extends keyof C> = z.input<C[N]["params"]>;

/** Validated params that the handler of method `N` of contract `C` receives. */
export type ParsedParamsOf<C extends Contract, N extends keyof C> = z.output<C[N]["params"]>;

/** Result of method `N` of contract `C`. */
export type ResultOf<C extends Contract, N extends keyof C> = z.output<C[N]["result"]>;
