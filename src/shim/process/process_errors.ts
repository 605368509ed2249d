// SPDX-License-Identifier: MIT
// The errors about one process of a container.
import { NotFoundError } from "../../rpc/errors.ts";

/** Returns the error for a signal to a process that has exited. */
export function processExited(id: string, execId?: string): NotFoundError {
  return new NotFoundError(`cannot signal ${nameOf(id, execId)}: it has exited`, {
    data: targetData(id, execId),
  });
}

/** Returns the name of a process of a container in messages. */
export function nameOf(id: string, execId: string | undefined): string {
  return execId === undefined ? `container ${id}` : `exec ${execId} of container ${id}`;
}

/** Returns the data of an error about a process. */
export function targetData(
  id: string,
  execId: string | undefined,
): { id: string; execId?: string } {
  return execId === undefined ? { id } : { id, execId };
}
