// SPDX-License-Identifier: MIT
// Errors as containerd knows them.
import { BerthError, type ErrorKind } from "../../rpc/errors.ts";
import { messageOf } from "../../error_text.ts";
import { ProtobufError } from "../protobuf/wire.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";

const CODES: Readonly<Partial<Record<ErrorKind, number>>> = {
  NotFound: CODE.notFound,
  AlreadyExists: CODE.alreadyExists,
  FailedPrecondition: CODE.failedPrecondition,
  InvalidParams: CODE.invalidArgument,
  Unavailable: CODE.unavailable,
  DeadlineExceeded: CODE.deadlineExceeded,
  ResourceExhausted: CODE.resourceExhausted,
  Cancelled: CODE.cancelled,
};

/**
 * Messages of runc and crun for a container that they do not have (any more), or a process that is gone.
 * crun 1.8 names the file that is missing, later ones the container.
 */
const LOST = new RegExp(
  [
    "container (?:`[^`]*` )?does not exist",
    "open(?:ing file)? `[^`]*/status`: no such file",
    "no such process",
    "process already finished",
  ].join("|"),
  "i",
);

/** Returns an error as ttrpc carries it: callers test the code, and look into the message. */
export function toTtrpcError(error: unknown): TtrpcError {
  if (error instanceof TtrpcError) return error;
  const message = messageOf(error);
  if (error instanceof ProtobufError) {
    return new TtrpcError(CODE.invalidArgument, message, { cause: error });
  }
  const lost = error instanceof BerthError && error.kind === "RuntimeError" && LOST.test(message);
  const code = lost ? CODE.notFound : error instanceof BerthError ? CODES[error.kind] : undefined;
  return new TtrpcError(code ?? CODE.unknown, message, { cause: error });
}

/** Returns the error for a container that this shim does not have. */
export function notCreated(id: string): TtrpcError {
  return new TtrpcError(CODE.notFound, `container not created: ${id}`);
}
