// SPDX-License-Identifier: MIT
import { EINVAL, isErrno } from "../../linux/libc/errno.ts";
import { setLoopbackUp } from "../../linux/net/namespace.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { logFailure } from "../util/log_failure.ts";

/**
 * Sets the loopback up of a network namespace that a spec names by its path, so that 127.0.0.1 can be
 * reached in the container: the runtime does that only in a namespace of its own making.
 *
 * @throws {FailedPreconditionError} if the path leads to something else.
 */
export function raiseLoopback(id: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    setLoopbackUp(path);
  } catch (error) {
    // The runtime would open it, and wait for the writer of a FIFO.
    if (isErrno(error, EINVAL)) {
      throw new FailedPreconditionError(
        `cannot create container ${id}: ${path} is no network namespace`,
        { cause: error, data: { id } },
      );
    }
    // Of a path that leads nowhere the runtime says what is wrong.
    logFailure("debug", "network", "{id}: cannot set the loopback up in {path}: {reason}", error, {
      id,
      path,
    });
  }
}
