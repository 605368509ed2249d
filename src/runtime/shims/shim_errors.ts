// SPDX-License-Identifier: MIT
// The errors of calls on shims.
import { BerthError, DeadlineExceededError, UnavailableError } from "../../rpc/errors.ts";

/**
 * Returns the error of a call of `method` to which a shim gave no answer where a healthy one does
 * at once.
 */
export function shimTimeout(method: string, cause: unknown): DeadlineExceededError {
  return new DeadlineExceededError(`the shim does not answer (asked for ${method})`, {
    cause,
    data: { shim: "unavailable" },
  });
}

/**
 * Returns the error of a call of `method` during which the shim has ended. A client has a connection to
 * the daemon too, so the message says which of the two is gone.
 */
export function shimEnded(method: string, cause: unknown): UnavailableError {
  return new UnavailableError(`the shim has ended before it answered (asked for ${method})`, {
    cause,
  });
}

/**
 * Returns whether a shim gave no answer where a healthy one does at once, rather than a slow
 * runtime.
 */
export function isShimTimeout(error: unknown): boolean {
  return error instanceof DeadlineExceededError && error.data["shim"] === "unavailable";
}

/** Returns whether the error is an answer of the shim, which is there and well then. */
export function isShimResponse(error: unknown): error is BerthError {
  return error instanceof BerthError && !(error instanceof DeadlineExceededError) &&
    !(error instanceof UnavailableError);
}
