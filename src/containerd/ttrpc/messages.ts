// SPDX-License-Identifier: MIT
// The messages and status codes of ttrpc.
import { message } from "../protobuf/fields.ts";

/** A value of any message (google.protobuf.Any). */
export const Any = message({ type_url: [1, "string"], value: [2, "bytes"] });

/** ttrpc's request, without its metadata, which say nothing that a call depends on. */
export const Request = message({
  service: [1, "string"],
  method: [2, "string"],
  payload: [3, "bytes"],
  timeout_nano: [4, "int64"],
});

const Status = message({
  code: [1, "int32"],
  message: [2, "string"],
  details: [3, Any, "repeated"],
});

/** ttrpc's response. */
export const Response = message({ status: [1, Status], payload: [2, "bytes"] });

/** The status codes, which are gRPC's. */
export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
};

/** An answer with a status other than ok. */
export class TtrpcError extends Error {
  override name = "TtrpcError";
  /** One of {@linkcode CODE}. */
  readonly code: number;

  constructor(code: number, text: string, options?: ErrorOptions) {
    super(text, options);
    this.code = code;
  }
}
