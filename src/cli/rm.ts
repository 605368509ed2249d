// SPDX-License-Identifier: MIT
import { type Command, Option } from "commander";
import { NotFoundError } from "../rpc/errors.ts";
import { verb, withSocket } from "./common/command.ts";
import { Daemon } from "./common/daemon.ts";
import { forEachId } from "./common/each.ts";
import { removeOrphans } from "./common/places.ts";
import { removeContainer, removeInstance, stateOf } from "./common/remove.ts";
import { print } from "./text/print.ts";

interface RmOptions {
  readonly force?: true;
  readonly afterExit?: true;
  readonly instance?: string;
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
    .addOption(new Option("--instance <instance>", "only the container of it").hideHelp())
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: RmOptions, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket: string }>();
      using daemon = options.afterExit
        ? await Daemon.connectWhenThere(socket)
        : await Daemon.connect(socket);
      const { root } = await daemon.call("daemon.info", {});
      await forEachId(ids, async (id) => {
        const { instance } = options;
        if (instance !== undefined) return await removeAfterExit(daemon, root, id, instance);
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

/** What `run --rm` leaves behind to do this for it. */
async function removeAfterExit(daemon: Daemon, root: string, id: string, instance: string) {
  if (!await stateOf(daemon, id, instance)) return;
  try {
    await daemon.callAcrossRestarts("container.wait", { id });
  } catch (error) {
    if (error instanceof NotFoundError) return;
    throw error;
  }
  await removeInstance(daemon, root, id, instance, false);
}
