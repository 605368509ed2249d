// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "./common/command.ts";
import { Daemon } from "./common/daemon.ts";
import { forEachId } from "./common/each.ts";
import { print } from "./text/print.ts";

interface KillOptions {
  readonly signal: string;
  readonly all?: true;
  readonly exec?: string;
}

/** `berth kill` */
export function killCommand(): Command {
  return withSocket(verb(
    "kill",
    "Send a signal to containers' processes",
    "berth kill web",
    "berth kill -s HUP web",
  ))
    .option("-s, --signal <signal>", "name or number", "SIGKILL")
    .option("-a, --all", "to every process in the container, not only its first")
    .option("--exec <exec-id>", "to this exec process instead")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: KillOptions, command: Command) => {
      using daemon = await Daemon.connect(command.optsWithGlobals<{ socket: string }>().socket);
      const signal = /^\d+$/.test(options.signal) ? Number(options.signal) : options.signal;
      await forEachId(ids, async (id) => {
        await daemon.call("container.kill", {
          id,
          signal,
          ...(options.all && { all: true }),
          ...(options.exec !== undefined && { execId: options.exec }),
        });
        print(id);
      });
    });
}
