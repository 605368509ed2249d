// SPDX-License-Identifier: MIT
// Builds JSON-RPC messages, and tells them apart.
import { createJSONRPCErrorResponse, isJSONRPCID } from "json-rpc-2.0";
import type {
  JSONRPCErrorResponse,
  JSONRPCID,
  JSONRPCRequest,
  JSONRPCResponse,
} from "json-rpc-2.0";
import { BerthError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import { isRecord } from "../is_record.ts";
import { toWire } from "./error_codec.ts";

/**
 * Method of the notification by which a caller gives a call up; its params are `{id}`, as in the
 * Language Server Protocol (its "Cancellation Support").
 */
export const CANCEL = "$/cancelRequest";

/** The protocol's own errors, in the words of JSON-RPC 2.0 section 5.1. */
const REFUSALS = {
  ParseError: "Parse error",
  InvalidRequest: "Invalid Request",
  MethodNotFound: "Method not found",
} as const satisfies Partial<Record<ErrorKind, string>>;

/** Builds the response that carries `error` to the request `id`, null where that is not known. */
export function errorResponse(id: JSONRPCID, error: unknown): JSONRPCErrorResponse {
  const { code, message, data } = toWire(error);
  return createJSONRPCErrorResponse(id, code, message, data);
}

/** Builds a response with one of the protocol's own errors; `data.detail` names the fault. */
export function refusal(
  id: JSONRPCID,
  kind: keyof typeof REFUSALS,
  detail: string,
): JSONRPCResponse {
  return errorResponse(id, new BerthError(kind, REFUSALS[kind], { data: { detail } }));
}

/** Builds an InvalidRequest response, addressed to the message's id if it has a valid one. */
export function invalidRequest(message: unknown): JSONRPCResponse {
  const id = isRecord(message) && isId(message.id) ? message.id : null;
  return refusal(id, "InvalidRequest", "not a JSON-RPC 2.0 request object");
}

/**
 * Returns whether a message is a request or notification as JSON-RPC 2.0 section 4 defines them.
 */
export function isRequest(message: unknown): message is JSONRPCRequest {
  return isRecord(message) && message.jsonrpc === "2.0" && typeof message.method === "string" &&
    (message.id === undefined || isId(message.id)) &&
    message.result === undefined && message.error === undefined;
}

/** Returns whether a message is a response. A response is never answered itself. */
export function isResponse(message: unknown): message is JSONRPCResponse {
  return isRecord(message) && message.method === undefined &&
    (message.result !== undefined || message.error !== undefined);
}

/** Returns whether `id` can name a request. A bigint can: it stands for a number of many digits. */
function isId(id: unknown): id is JSONRPCID {
  return isJSONRPCID(id) || typeof id === "bigint";
}
