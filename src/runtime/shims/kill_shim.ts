// SPDX-License-Identifier: MIT
import { killIfSame } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import type { Bundle } from "../bundle/bundle.ts";

/**
 * Kills the shim that the bundle's `shim.json` names and waits until it is gone. A pid from disk
 * proves nothing: nothing is signaled unless the process's start time is the recorded one.
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
