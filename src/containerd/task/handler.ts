// SPDX-License-Identifier: MIT
// Makes handlers of methods from typed functions.
import { InvalidParamsError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { parseJson } from "../../rpc/json.ts";
import type { Any } from "../messages/types.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Decoded, Encodable, MessageType } from "../protobuf/fields.ts";
import type { TtrpcHandler } from "../ttrpc/server.ts";
import { toTtrpcError } from "./ttrpc_errors.ts";

/**
 * Makes the handler of a method whose messages are `request` and `response`. An error of `run` is sent as
 * one that containerd knows.
 */
export function handler<Q extends MessageType, R extends MessageType>(
  request: Q,
  response: R,
  run: (
    request: Decoded<Q>,
    signal: AbortSignal,
  ) => Encodable<R> | Promise<Encodable<R>> | void | Promise<void>,
): TtrpcHandler {
  return async (payload, signal) => {
    try {
      const answer = await run(decode(request, payload), signal);
      return encode(response, answer ?? {});
    } catch (error) {
      throw toTtrpcError(error);
    }
  };
}

/** Marks the handler of a method that may take as long as a container lives. */
export function waiting(handler: TtrpcHandler): TtrpcHandler {
  return Object.assign(handler, { waits: true });
}

/** Returns the bytes of a field that holds another message; none where it is left out. */
export function valueOf(any: Decoded<typeof Any> | undefined): Uint8Array {
  return any?.value ?? new Uint8Array();
}

/**
 * Returns the JSON object that the field `name` of a request holds.
 *
 * @throws {InvalidParamsError} if it holds none.
 */
export function jsonOf(
  name: string,
  any: Decoded<typeof Any> | undefined,
): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(valueOf(any)));
  } catch (error) {
    throw notJson(name, error);
  }
  if (!isRecord(value)) throw notJson(name);
  return value;
}

function notJson(name: string, cause?: unknown): InvalidParamsError {
  const message = "holds no JSON object";
  return new InvalidParamsError(`${name} ${message}`, [{ path: name, message }], { cause });
}
