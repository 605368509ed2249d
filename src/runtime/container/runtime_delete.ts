// SPDX-License-Identifier: MIT
import { killIfSame } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { backoff } from "../util/backoff.ts";
import type { Bundle } from "../bundle/bundle.ts";

/**
 * Kills the shim that the bundle's `shim.json` names and waits until it is gone. A pid from disk
 * proves nothing: nothing is signalled unless the process's start time is the recorded one.
 *
 * @throws {FailedPreconditionError} if it does not die.
 */
export async function killShim(bundle: Bundle): Promise<void> {
  const record = bundle.shimRecord();
  // With no_shim the daemon serves the bundle itself.
  if (record === undefined || record.pid === Deno.pid) return;
  for (const delay of backoff({ first: 5, most: 100, attempts: 60 })) {
    if (!killIfSame(record.pid, record.startTime, SIGKILL)) return;
    await delay();
  }
  throw new FailedPreconditionError(
    `container ${bundle.id}: its shim (pid ${record.pid}) does not die of SIGKILL`,
    { data: { id: bundle.id } },
  );
}

/**
 * Init's pid, as the runtime vouches for it: it compares start times, which a pid file cannot.
 * Undefined if init has ended or the runtime does not know the container.
 *
 * @throws {RuntimeError} if the runtime fails.
 */
export async function initPidByRuntime(
  bundle: Bundle,
  runtime: OciRuntime,
  timeoutMs: number,
): Promise<number | undefined> {
  const state = await runtime.state(bundle.id, { timeoutMs });
  return state === undefined || state.status === "stopped" || state.pid <= 0
    ? undefined
    : state.pid;
}

/**
 * Has the runtime forget a container that no shim looks after any more, killing what is left of it.
 * Returns only when the runtime agrees that it is gone. Works by the container's id, never through a
 * recorded pid.
 *
 * @throws {RuntimeError} if the runtime fails; the call may be repeated.
 * @throws {DeadlineExceededError} if the runtime hangs; the call may be repeated.
 * @throws {FailedPreconditionError} if the runtime still has it.
 */
export async function deleteFromRuntime(
  bundle: Bundle,
  runtime: OciRuntime,
  timeoutMs: number,
): Promise<void> {
  await runtime.delete(bundle.id, { timeoutMs, force: true });
  const left = await runtime.state(bundle.id, { timeoutMs });
  if (left !== undefined) {
    throw new FailedPreconditionError(
      `container ${bundle.id}: the runtime still has it as ${left.status}`,
      { data: { id: bundle.id } },
    );
  }
}
