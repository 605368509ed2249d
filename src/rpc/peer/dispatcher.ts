// SPDX-License-Identifier: MIT
import { createJSONRPCErrorResponse, isJSONRPCID, JSONRPCServer } from "json-rpc-2.0";
import type { JSONRPCID, JSONRPCRequest, JSONRPCResponse } from "json-rpc-2.0";
import { BerthError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import { isRecord, toWire } from "../protocol/error_codec.ts";
import type { Peer } from "./peer.ts";

/** What a handler knows of the call beside its params. */
export interface HandlerContext {
  /** The connection that the call came on. */
  readonly peer: Peer;
  /** Aborted when that connection is gone. */
  readonly signal: AbortSignal;
}

/** Answers one method. What it throws becomes the error response (see `toWire`). */
export type Handler = (params: unknown, context: HandlerContext) => unknown | Promise<unknown>;

/** Handlers by method name. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Told of an error that no caller can act on, such as a bug in a handler. */
export type ErrorListener = (message: string, error: unknown) => void;

/** The response that says `error` to the request `id` (null where it is not known). */
export function errorResponse(id: JSONRPCID, error: unknown): JSONRPCResponse {
  const { code, message, data } = toWire(error);
  return createJSONRPCErrorResponse(id, code, message, data);
}

/** The protocol's own errors, in the words of JSON-RPC 2.0 section 5.1. */
const REFUSALS = {
  ParseError: "Parse error",
  InvalidRequest: "Invalid Request",
  MethodNotFound: "Method not found",
} as const satisfies Partial<Record<ErrorKind, string>>;

/** {@linkcode errorResponse} for the protocol's own errors; `detail` says in data what was wrong. */
export function refusal(
  id: JSONRPCID,
  kind: keyof typeof REFUSALS,
  detail: string,
): JSONRPCResponse {
  return errorResponse(id, new BerthError(kind, REFUSALS[kind], { data: { detail } }));
}

/** One set of handlers behind JSON-RPC; serves any number of connections. */
export class Dispatcher {
  readonly #server: JSONRPCServer<HandlerContext>;

  constructor(handlers: Handlers, onError: ErrorListener = () => {}) {
    this.#server = new JSONRPCServer<HandlerContext>({
      errorListener: (message, error) => {
        if (!(error instanceof BerthError)) onError(message, error);
      },
    });
    this.#server.mapErrorToJSONRPCErrorResponse = (id, error) => {
      const { code, message, data } = toWire(error);
      return createJSONRPCErrorResponse(id, code, message, data);
    };
    this.#server.handleMethodNotFound = (request) =>
      Promise.resolve(
        request.id === undefined
          ? null
          : refusal(request.id, "MethodNotFound", shorten(request.method)),
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

/** A method name of 16 MiB is not worth sending back. */
function shorten(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}

/** Whether a message is a request or notification in the form that JSON-RPC 2.0 section 4 asks. */
export function isRequest(message: unknown): message is JSONRPCRequest {
  return isRecord(message) && message.jsonrpc === "2.0" && typeof message.method === "string" &&
    (message.id === undefined || isJSONRPCID(message.id)) &&
    message.result === undefined && message.error === undefined;
}

/** Whether a message answers something: such a message is never answered itself. */
export function isResponse(message: unknown): message is JSONRPCResponse {
  return isRecord(message) && message.method === undefined &&
    (message.result !== undefined || message.error !== undefined);
}

/** Says that `message` is no request, to its id where it has a usable one. */
export function invalidRequest(message: unknown): JSONRPCResponse {
  const id = isRecord(message) && isJSONRPCID(message.id) ? message.id : null;
  return refusal(id, "InvalidRequest", "not a JSON-RPC 2.0 request object");
}
