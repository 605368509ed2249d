// SPDX-License-Identifier: MIT
import type { ProcessContext } from "../process/process_context.ts";

/**
 * How long the runtime may take to delete, or to start after the connection of the caller has gone, where
 * the record does not say it, in milliseconds: as long as a daemon waits by default.
 */
export const RUNTIME_TIMEOUT_MS = 120_000;

/**
 * Has the OCI runtime delete the container, whose processes it kills. With its `--force` it is no error
 * that the runtime does not know the container (any more).
 *
 * @throws {RuntimeError} if the runtime fails.
 * @throws {DeadlineExceededError} if it takes too long; then it is killed.
 */
export async function deleteByRuntime(
  { record, runtime }: Pick<ProcessContext, "record" | "runtime">,
): Promise<void> {
  const { id, runtimeTimeoutMs: timeoutMs = RUNTIME_TIMEOUT_MS } = record;
  await runtime.delete(id, { force: true, timeoutMs });
}
