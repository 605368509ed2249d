// SPDX-License-Identifier: MIT
// Cancels creates and starts that are in the way of a stop or a removal.
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { BerthError, FailedPreconditionError } from "../../rpc/errors.ts";
import type { ServiceContext } from "./context.ts";

/** How long a start may go on once its container is to be stopped or removed, in milliseconds. */
const PATIENCE = 3_000;

/** The fate of a container whose create or start is canceled. */
export type CancelReason = "stopped" | "removed";

/** Returns the error of a create that is canceled, since its container is to be stopped or removed. */
export function createCanceled(id: string, reason: CancelReason): FailedPreconditionError {
  return canceled(id, reason, "created");
}

/** Returns the error of a start that is canceled, since its container is to be stopped or removed. */
export function startCanceled(id: string, reason: CancelReason): FailedPreconditionError {
  return canceled(id, reason, "started");
}

function canceled(id: string, reason: CancelReason, done: string): FailedPreconditionError {
  return new FailedPreconditionError(
    `container ${id} was ${reason} while it was being ${done}`,
    { data: { id, canceled: true } },
  );
}

/** Returns whether a create or a start has failed because it was canceled. */
export function isCreateCanceled(error: unknown): boolean {
  return error instanceof BerthError && error.data["canceled"] === true;
}

/**
 * Acquires the lock of an id to stop or remove its container. A start that holds the lock is waited for;
 * one that takes long, since the OCI runtime hangs in its create or its start, is canceled.
 */
export async function lockToEnd(
  id: string,
  reason: CancelReason,
  { containers, locks }: Pick<ServiceContext, "containers" | "locks">,
): Promise<Disposable> {
  const lock = locks.acquire(id);
  while (!await withTimeout(lock, PATIENCE)) {
    containers.cancelCreate(id, createCanceled(id, reason));
    containers.find(id)?.cancelStart(startCanceled(id, reason));
  }
  return await lock;
}
