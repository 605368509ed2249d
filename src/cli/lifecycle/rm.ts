// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import { verb, withSocket } from "../common/command.ts";
import { DaemonConnection } from "../common/daemon.ts";
import { forEachId } from "../common/ids.ts";
import { CliError } from "../common/exit_status.ts";
import { orphansOf } from "../container/container_dirs.ts";
import { clearId, removeWithFiles } from "../container/remove.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface RmFlags {
  readonly force?: true;
  readonly afterExit?: true;
}

/** `berth rm` */
export function rmCommand(): Command {
  return withSocket(verb(
    "rm",
    VERBS.rm.summary,
    "berth rm web",
    "berth rm -f web db",
  ))
    .option("-f, --force", "remove running containers too, after killing them")
    .option("-v, --volumes", "remove anonymous volumes too (always on)")
    .option("--after-exit", "wait until each container has exited, also while the daemon is away")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: RmFlags, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket: string }>();
      using daemon = options.afterExit
        ? await DaemonConnection.connectWhenThere(socket)
        : await DaemonConnection.connect(socket);
      const { root } = await daemon.call("daemon.info", {});
      await forEachId(ids, async (id) => {
        if (options.afterExit) await daemon.callAcrossRestarts("container.wait", { id });
        try {
          await removeWithFiles(daemon, root, id, options.force ?? false);
        } catch (error) {
          if (error instanceof FailedPreconditionError && !options.force) {
            throw new CliError(`${error.message}: berth rm --force ${id}`, { cause: error });
          }
          if (!(error instanceof NotFoundError)) throw error;
          if (!options.force) throw withOrphans(error, orphansOf(root, id));
          if (!await clearId(daemon, root, id)) throw error;
        }
        print(id);
      });
    });
}

/** Prints which leftovers of a container exist that is gone. */
function withOrphans(error: NotFoundError, orphans: readonly string[]): Error {
  if (orphans.length === 0) return error;
  const files = orphans.join(", ");
  return new CliError(`${error.message}; rm --force removes what is left of one: ${files}`, {
    cause: error,
  });
}
