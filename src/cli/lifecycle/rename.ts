// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { verb, withSocket } from "../common/command.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { withDaemon } from "../common/daemon.ts";
import { checkId } from "../common/ids.ts";

/** `berth rename` */
export function renameCommand(): Command {
  return withSocket(verb(
    "rename",
    "Give a stopped container another id",
    "berth rename web web-old",
  ))
    .argument("<id>", "container, which must be stopped")
    .argument("<new-id>", "the id that it gets")
    .action(async (id: string, newId: string, _options: unknown, command: Command) => {
      checkId(id);
      checkId(newId);
      await withDaemon(command, async (daemon) => {
        const { instance } = await daemon.callAcrossRestarts("container.state", { id });
        try {
          await daemon.callAcrossRestarts("container.rename", { id, newId, instance });
        } catch (error) {
          // The daemon may have gone away when it had done it.
          const isUnsure = error instanceof NotFoundError || error instanceof AlreadyExistsError;
          if (!isUnsure || !await isInstance(daemon, newId, instance)) throw error;
        }
      });
    });
}

async function isInstance(
  daemon: DaemonConnection,
  id: string,
  instance: string,
): Promise<boolean> {
  try {
    return (await daemon.callAcrossRestarts("container.state", { id })).instance === instance;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
