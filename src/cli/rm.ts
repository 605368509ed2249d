// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { NotFoundError } from "../rpc/errors.ts";
import { verb, withSocket } from "./common/command.ts";
import { Daemon } from "./common/daemon.ts";
import { forEachId } from "./common/each.ts";
import { removeOrphans } from "./common/places.ts";
import { removeContainer } from "./common/remove.ts";
import { print } from "./text/print.ts";

interface RmOptions {
  readonly force?: true;
  readonly afterExit?: true;
}

/** `berth rm` */
export function rmCommand(): Command {
  return withSocket(verb(
    "rm",
    "Remove containers that do not run, with their logs",
    "berth rm web",
    "berth rm -f web db",
  ))
    .option("-f, --force", "also running ones, which are killed")
    .option("--after-exit", "wait until each has exited, and for the daemon where it is away")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: RmOptions, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket: string }>();
      using daemon = options.afterExit
        ? await Daemon.connectWhenThere(socket)
        : await Daemon.connect(socket);
      const { root } = await daemon.call("daemon.info", {});
      await forEachId(ids, async (id) => {
        if (options.afterExit) await daemon.callAcrossRestarts("container.wait", { id });
        try {
          await removeContainer(daemon, root, id, options.force ?? false);
        } catch (error) {
          const orphaned = error instanceof NotFoundError && options.force &&
            removeOrphans(root, id);
          if (!orphaned) throw error;
        }
        print(id);
      });
    });
}
