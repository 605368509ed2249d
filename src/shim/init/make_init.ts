// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { kill } from "../../linux/process/process.ts";
import type { UnclaimedExits } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { keepMount } from "../../oci/driver/keep_mount.ts";
import { checkRestoredCgroup, prepareRestore } from "../checkpoint/checkpoint.ts";
import type { ClaimedProcess } from "../process/claim_process.ts";
import { claimProcess } from "../process/claim_process.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { unlessReaped } from "../process/signal.ts";
import type { Stdio } from "../stdio/stdio.ts";
import { stdioOptions } from "../stdio/stdio.ts";

/**
 * Makes the OCI runtime create init, or restore it from a checkpoint.
 *
 * @param kept the exits since before the call, as init can die before its pid is known.
 */
export async function makeInit(
  context: ProcessContext,
  io: Stdio,
  kept: UnclaimedExits,
  imagePath?: string,
): Promise<ClaimedProcess> {
  const { record, paths, runtime } = context;
  const request = {
    id: record.id,
    bundle: paths.dir,
    pidFile: paths.initPid,
    log: paths.log,
    noPivot: record.noPivot,
    systemdCgroup: record.systemdCgroup ?? false,
    noNewKeyring: record.noNewKeyring ?? false,
    ...stdioOptions(io),
  };
  if (imagePath === undefined) await runtime.create(request);
  else {
    await runtime.restore({
      ...request,
      imagePath,
      criuConfig: paths.criuExtra,
      workPath: record.criuWorkPath,
    });
  }
  failpoint("shim.create.claim");
  const claimed = claimProcess(context, kept, paths.initPid);
  io.onStart();
  return claimed;
}

/** Restores init from the checkpoint in `imagePath`. One in a wrong cgroup is killed. */
export async function restoreInit(
  context: ProcessContext,
  io: Stdio,
  imagePath: string,
): Promise<ClaimedProcess> {
  prepareRestore(context, io.fds, imagePath);
  using kept = context.reaper.bufferUnclaimedExits();
  const restored = await keepMount(
    () => makeInit(context, io, kept, imagePath),
    context.log,
  );
  try {
    checkRestoredCgroup(context, restored.pid);
  } catch (error) {
    killRestored(context, restored.pid);
    throw error;
  }
  return restored;
}

/** Kills a restored init that is not wanted; in a pid namespace of its own all others go with it. */
function killRestored({ paths }: ProcessContext, pid: number): void {
  unlessReaped(() => kill(pid, SIGKILL));
  removeFile(paths.initPid);
}
