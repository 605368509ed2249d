// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { reportUnknownStatus, waitForExit, waitForGood } from "../common/exit.ts";
import { forEachId } from "../common/ids.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth wait` */
export function waitCommand(): Command {
  return withSocket(verb(
    "wait",
    VERBS.wait.summary,
    "berth wait web",
    "berth wait --exec shell1 web",
  ))
    .option("--exec <exec-id>", "wait for this exec process instead of the container's own")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: { exec?: string }, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const execId = options.exec;
        await forEachId(ids, async (id) => {
          const exit = execId === undefined
            ? await waitForGood(daemon, id)
            : await waitForExit(daemon, { id, execId });
          print(exit.exitStatusUnknown ? "unknown" : String(exit.exitStatus));
          reportUnknownStatus(execId ?? id, exit);
        });
      });
    });
}
