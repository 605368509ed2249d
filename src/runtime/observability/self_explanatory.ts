// SPDX-License-Identifier: MIT
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { BerthError } from "../../rpc/errors.ts";

/**
 * Returns whether an error says by its message alone what has failed: one of berth's own, of what is
 * outside of berth, such as an OCI runtime that refuses a container. A stack, of it or of its cause, is
 * of use only where the fault may be in berth.
 */
export function isSelfExplanatory(error: unknown): boolean {
  if (!(error instanceof BerthError) || error.kind === "Internal") return false;
  const { cause } = error;
  return cause === undefined || errnoNameOf(cause) !== undefined || isSelfExplanatory(cause);
}
