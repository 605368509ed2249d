// SPDX-License-Identifier: MIT
import { JSONRPCServer } from "json-rpc-2.0";
import type { JSONRPCRequest, JSONRPCResponse } from "json-rpc-2.0";
import { BerthError } from "../errors.ts";
import { shorten } from "../../error_text.ts";
import { errorResponse, refusal } from "../protocol/messages.ts";
import type { ErrorListener, HandlerContext, Handlers } from "./handler.ts";

/** Longest method name that is sent back whole, in UTF-16 units. */
const MAX_NAME = 100;

/** Runs the handlers of one set of methods, for any number of connections. */
export class Dispatcher {
  readonly #server: JSONRPCServer<HandlerContext>;

  /** `onError` receives what a handler throws that the caller cannot act on. */
  constructor(handlers: Handlers, onError: ErrorListener) {
    this.#server = new JSONRPCServer<HandlerContext>({
      errorListener: (message, error) => {
        if (!(error instanceof BerthError) || error.kind === "Internal") onError(message, error);
      },
    });
    this.#server.mapErrorToJSONRPCErrorResponse = errorResponse;
    this.#server.handleMethodNotFound = ({ id, method }) =>
      Promise.resolve(
        id === undefined ? null : refusal(id, "MethodNotFound", shorten(method, MAX_NAME)),
      );
    for (const [name, handler] of Object.entries(handlers)) this.#server.addMethod(name, handler);
  }

  /** Runs the handler; resolves to null for a notification. The handler has begun on return. */
  dispatch(
    request: JSONRPCRequest,
    context: HandlerContext,
  ): PromiseLike<JSONRPCResponse | null> {
    return this.#server.receive(request, context);
  }
}
