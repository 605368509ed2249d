// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { type StopFlags, stopParams, withStopOptions } from "./stop.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth restart` */
export function restartCommand(): Command {
  return withStopOptions(verb(
    "restart",
    VERBS.restart.summary,
    "berth restart web",
    "berth restart -t 30 db",
  ))
    .action((ids: string[], options: StopFlags, command: Command) =>
      actOnEach(
        command,
        ids,
        (daemon, id) =>
          daemon.callAcrossRestarts("container.restart", { id, ...stopParams(options) }),
      )
    );
}
