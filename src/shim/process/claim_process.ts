// SPDX-License-Identifier: MIT
import type { UnclaimedExits } from "../../linux/process/reaper.ts";
import { readPidFile } from "../../oci/pid_file.ts";
import type { ProcessContext } from "./process_context.ts";
import type { ProcessHandle } from "./signal.ts";

/** A process that the OCI runtime has made. */
export interface ClaimedProcess {
  readonly pid: number;
  readonly handle: ProcessHandle;
  /** When it was started at the latest, RFC 3339. */
  readonly startedAt: string;
}

/**
 * Watches the process whose pid the OCI runtime has written to `pidFile`.
 *
 * @param kept the exits since before the runtime was called: it may have ended already.
 * @throws {RuntimeError} if there is no pid, though the runtime has succeeded.
 */
export function claimProcess(
  { record, reserve }: ProcessContext,
  kept: UnclaimedExits,
  pidFile: string,
): ClaimedProcess {
  // An unknown process would be left if this failed for want of an fd.
  const pid = reserve.run(() => readPidFile(record.id, pidFile));
  // The kernel stamps files with the time of its last tick, so not with a later one. crun writes the
  // pid of a process that it has let run, which may be over by then.
  const writtenAt = Deno.statSync(pidFile).mtime ?? new Date(0);
  const exited = kept.watch(pid, writtenAt.getTime());
  return { pid, handle: { exited }, startedAt: writtenAt.toISOString() };
}
