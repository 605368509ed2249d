// SPDX-License-Identifier: MIT
import type { Handler, HandlerContext, Handlers } from "../peer/handler.ts";
import { checkParams, type ParamSchema } from "./check_params.ts";
import type { Contract, ParsedParamsOf, ResultOf } from "./method.ts";

/** One function for each method of contract `C`. Its params match the method's schema. */
export type Implementation<C extends Contract> = {
  readonly [N in keyof C & string]: (
    params: ParsedParamsOf<C, N>,
    context: HandlerContext,
  ) => ResultOf<C, N> | Promise<ResultOf<C, N>>;
};

/**
 * Returns handlers that check the params of a call by the method's schema of `schemas` before they call
 * the method's function. For params that do not match, the caller gets an `InvalidParamsError` that
 * names each path.
 */
export function bindContract<C extends Contract>(
  schemas: Readonly<Record<string, ParamSchema>>,
  implementation: Implementation<C>,
): Handlers {
  const handlers: Record<string, Handler> = {};
  for (const name of Object.keys(implementation)) {
    const schema = schemas[name];
    if (schema === undefined) throw new TypeError(`${name} has no schema`);
    // The schema of the same name vouches for the params, which is what the cast says.
    const run = implementation[name] as Handler;
    handlers[name] = (params, context) => run(checkParams(name, schema, params), context);
  }
  return handlers;
}
