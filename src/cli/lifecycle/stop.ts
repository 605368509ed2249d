// SPDX-License-Identifier: MIT
// `berth stop`, and the options that `berth restart` shares with it.
import { type Command, Option } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { parseStopSignal, parseStopTimeout } from "../options/stop_and_restart.ts";
import { VERBS } from "../text/verb_table.ts";

/** How `stop` and `restart` stop a container. */
export interface StopFlags {
  readonly time?: number;
  readonly timeout?: number;
  readonly signal?: string;
}

/** Returns the params of `container.stop` that the options ask for. */
export function stopParams({ time, timeout = time, signal }: StopFlags) {
  return { timeout, signal: signal && /^\d+$/.test(signal) ? Number(signal) : signal };
}

/** Adds the containers that a command stops, and {@linkcode StopFlags}. */
export function withStopOptions(command: Command): Command {
  return withSocket(command)
    .option(
      "-t, --time <seconds>",
      "seconds until SIGKILL, -1: never; default: the container's, or 10",
      parseStopTimeout,
    )
    // docker's word for --time since version 28
    .addOption(
      new Option("--timeout <seconds>", "--time").argParser(parseStopTimeout).hideHelp(),
    )
    .option(
      "-s, --signal <signal>",
      "signal that asks the container to end; default: the container's stop signal",
      parseStopSignal,
    )
    .argument("<id...>", "containers");
}

/** `berth stop` */
export function stopCommand(): Command {
  return withStopOptions(verb(
    "stop",
    VERBS.stop.summary,
    "berth stop web",
    "berth stop -t 30 -s INT db",
  ))
    .action((ids: string[], options: StopFlags, command: Command) =>
      actOnEach(
        command,
        ids,
        (daemon, id) => daemon.callAcrossRestarts("container.stop", { id, ...stopParams(options) }),
      )
    );
}
