// SPDX-License-Identifier: MIT
// `berth rename`, over a restart of the daemon too.
import type { Command } from "commander";
import { sleep } from "../../linux/event_loop/timer.ts";
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { verb, withSocket } from "../common/command.ts";
import { findState } from "../common/containers.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { checkId } from "../common/ids.ts";
import { VERBS } from "../text/verb_table.ts";

/** A rename that goes on in the daemon is asked for this often, milliseconds. */
const POLL_MS = 100;

/** `berth rename` */
export function renameCommand(): Command {
  return withSocket(verb(
    "rename",
    VERBS.rename.summary,
    "berth rename web web-old",
  ))
    .argument("<id>", "container, which must be stopped")
    .argument("<new-id>", "the id that it gets")
    .action(async (id: string, newId: string, _options: unknown, command: Command) => {
      checkId(id);
      checkId(newId);
      await withDaemon(command, (daemon) => renameContainer(daemon, id, newId));
    });
}

/** Gives a container another id once, be the connection or the daemon lost meanwhile. */
export async function renameContainer(
  daemon: DaemonConnection,
  id: string,
  newId: string,
): Promise<void> {
  const { instance } = await daemon.callAcrossRestarts("container.state", { id });
  for (;;) {
    try {
      await daemon.callAcrossRestarts("container.rename", { id, newId, instance });
      return;
    } catch (error) {
      const isTaken = error instanceof AlreadyExistsError;
      if (!isTaken && !(error instanceof NotFoundError)) throw error;
      const there = (await findState(daemon, newId))?.instance;
      // The daemon has gone away when it had done it.
      if (there === instance) return;
      // A call before may still be under way: until it has ended the new id is taken, and not there.
      if (!isTaken || there !== undefined) throw error;
    }
    await sleep(POLL_MS);
  }
}
