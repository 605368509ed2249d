// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { print } from "../text/print.ts";
import { type StopFlags, stopParams, withStopOptions } from "./stop.ts";

/** `berth restart` */
export function restartCommand(): Command {
  return withStopOptions(verb(
    "restart",
    "Stop containers, if they are running, and start them again",
    "berth restart web",
    "berth restart -t 30 db",
  ))
    .action(async (ids: string[], options: StopFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          await daemon.callAcrossRestarts("container.restart", { id, ...stopParams(options) });
          print(id);
        });
      });
    });
}
