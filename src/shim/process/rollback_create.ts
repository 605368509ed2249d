// SPDX-License-Identifier: MIT
import { couldNotStart } from "../../oci/driver/runtime_call.ts";
import { hasRuntimeState } from "../../oci/driver/runtime_state.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import { killUnlessExited } from "./signal.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryReadPidFile } from "../../oci/pid_file.ts";
import type { ProcessContext } from "./process_context.ts";
import type { Stdio } from "../stdio/stdio.ts";
import { unmountRootfs } from "../rootfs.ts";

/** A create that did not come to its end. */
export interface UnfinishedCreate {
  /** Whether it was this process's, not that of a shim that has died. */
  readonly own: boolean;
  /** What it has failed with; undefined where nobody knows. */
  readonly cause?: unknown;
  /** The stdio that was opened for it, if it came that far. */
  readonly io?: Stdio | undefined;
}

/** Undoes whatever of a create has been done; answers whether all of it could be. Never throws. */
export async function rollbackCreate(
  context: ProcessContext,
  { own, cause, io }: UnfinishedCreate,
): Promise<boolean> {
  const { record, paths, runc, log } = context;
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
  // First, for the runtime's delete needs fds, and want of those may be what the create has failed of.
  await step("stdio", () => io?.close());
  if (begun && record.checkpoint === undefined && !couldNotStart(cause)) {
    await step("delete", async () => {
      try {
        await runc.delete(record.id, { force: true });
      } catch (error) {
        // What cannot even delete may be no runtime at all, and has made nothing.
        if (!(cause instanceof RuntimeError) || hasRuntimeState(record, paths)) throw error;
      }
    });
    // A pid that another shim left proves nothing; the runtime has compared its start time.
    if (own) await step("kill", () => killCreated(context));
  }
  await step("unmount", () => unmountRootfs(record.id, paths.rootfs, record.rootfs));
  await step("pid file", () => removeFile(paths.initPid));
  return undone;
}

/** In case the runtime could not: only what is known to be this process's child. */
async function killCreated({ paths, reaper }: ProcessContext): Promise<void> {
  const pid = tryReadPidFile(paths.initPid);
  if (pid === undefined) return;
  await killUnlessExited(pid, { exited: reaper.watch(pid) });
}
