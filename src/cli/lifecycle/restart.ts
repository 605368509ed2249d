// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { parseStopSignal, parseStopTimeout } from "../options/stop_signal.ts";
import { print } from "../text/print.ts";
import { type StopOptions, stopParams } from "./stop.ts";

/** `berth restart` */
export function restartCommand(): Command {
  return withSocket(verb(
    "restart",
    "Stop containers, if they are running, and start them again",
    "berth restart web",
    "berth restart -t 30 db",
  ))
    .option(
      "-t, --time <seconds>",
      "seconds until SIGKILL; default: the container's own, 10",
      parseStopTimeout,
    )
    .option(
      "-s, --signal <signal>",
      "signal that asks the container to end; default: its own",
      parseStopSignal,
    )
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: StopOptions, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          await daemon.callAcrossRestarts("container.restart", { id, ...stopParams(options) });
          print(id);
        });
      });
    });
}
