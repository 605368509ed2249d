// SPDX-License-Identifier: MIT
import { couldNotStart } from "../../oci/driver/runtime_call.ts";
import { hasRuntimeState } from "../../oci/driver/runtime_state.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import { killUnlessExited } from "../process/signal.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryReadPidFile } from "../../oci/pid_file.ts";
import type { ProcessContext } from "../process/process_context.ts";
import type { Stdio } from "../stdio/stdio.ts";
import { unmountRootfs } from "../rootfs.ts";
import { deleteByRuntime } from "./delete_by_runtime.ts";

/** A create that failed or was interrupted. */
export interface UnfinishedCreate {
  /** Whether this process began it, not a dead shim. */
  readonly own: boolean;
  /** Its error; undefined if that is not known. */
  readonly cause?: unknown;
  /** The stdio that was opened for it, if any. */
  readonly io?: Stdio | undefined;
}

/** Rolls back a create. Returns whether all of it could be undone. Never throws. */
export async function rollbackCreate(
  context: ProcessContext,
  { own, cause, io }: UnfinishedCreate,
): Promise<boolean> {
  const { record, paths, log } = context;
  let undone = true;
  const step = async (what: string, undo: () => Promise<void> | void) => {
    try {
      await undo();
    } catch (error) {
      undone = false;
      log(`undoing the create of ${record.id}: ${what}: ${error}`);
    }
  };
  const begun = io !== undefined || !own;
  // First: the runtime's delete needs fds, and the create may have failed for lack of them.
  await step("stdio", () => io?.close());
  if (begun && record.checkpoint === undefined && !couldNotStart(cause)) {
    await step("delete", async () => {
      try {
        await deleteByRuntime(context);
      } catch (error) {
        // A command that cannot delete either may be no runtime at all, and has made nothing.
        if (!(cause instanceof RuntimeError) || hasRuntimeState(record, paths)) throw error;
      }
    });
    // A pid file of another shim proves nothing; the runtime has compared the start time.
    if (own) await step("kill", () => killCreated(context));
  }
  await step("unmount", () => unmountRootfs(context));
  await step("pid file", () => removeFile(paths.initPid));
  return undone;
}

/** Kills init where the runtime could not. It signals no process but a child of this one. */
async function killCreated({ paths, reaper }: ProcessContext): Promise<void> {
  const pid = tryReadPidFile(paths.initPid);
  if (pid === undefined) return;
  await killUnlessExited(pid, { exited: reaper.watch(pid) });
}
