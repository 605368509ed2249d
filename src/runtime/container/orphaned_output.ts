// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { Poller } from "../../linux/fd/poller.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import { messageOf } from "../../error_text.ts";
import type { Bundle } from "../bundle/bundle.ts";

/**
 * Goes on copying the output of a container whose shim has died, until the result is disposed of:
 * that is when its processes are dead, whose ends of the FIFOs keep what is in them. Never throws, for
 * a log is not worth a cleanup.
 */
export async function copyOrphanedOutput({ id, record, paths }: Bundle): Promise<AsyncDisposable> {
  const { stdio, log } = record;
  await using resources = new AsyncDisposableStack();
  const report = (reason: string) =>
    getLogger(["berth", "container"]).warn(
      "{id}: output of its last moments may be lost: {reason}",
      {
        id,
        reason,
      },
    );
  const copied = log !== undefined || filePath(stdio.stdout) !== undefined ||
    filePath(stdio.stderr) !== undefined;
  if (copied && !stdio.terminal) {
    try {
      const { adoptStdio } = await import("../../shim/open_stdio.ts");
      const poller = resources.use(new Poller());
      const io = await adoptStdio(
        { dir: paths.dir, name: "init", stdio, log, poller, report },
        false,
      );
      resources.defer(() => io.close());
    } catch (error) {
      // A create that did not come so far has no FIFOs.
      if (errnoNameOf(error) !== "ENOENT") report(messageOf(error));
    }
  }
  return resources.move();
}
